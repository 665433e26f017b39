"""The S.M.A.R.T. values of a disk, under the vendor's names and under names that all disks share.

=========================  ===================================  =====================  =========================
name                       ATA                                  NVMe                   SCSI
=========================  ===================================  =====================  =========================
reallocated_sectors        attribute 5                                                 grown defect list
pending_sectors            attribute 197, pending defects log                          pending defects log
uncorrectable_sectors      attribute 198
media_errors               attribute 187                        media errors           uncorrected errors, summed
percentage_used            device statistics, page 7            percentage used        endurance indicator
available_spare                                                 available spare
available_spare_threshold                                       available spare's
critical_warning                                                critical warning bits
unsafe_shutdowns                                                unsafe shutdowns
power_on_hours             attribute 9                          power on hours         accumulated time
power_cycles               attribute 12                         power cycles
=========================  ===================================  =====================  =========================

Counts are totals of the disk's life; percentages are 0 to 100 (``percentage_used`` up to 255). An attribute counts only
if its name in smartctl's drive database agrees, because vendors use some numbers for other things; of flash disks
``reallocated_sectors`` are blocks. Every ATA attribute is there, too, under its name in that database
(``Reallocated_Sector_Ct``), with the number that smartctl prints first in its column RAW_VALUE: many vendors pack
several numbers into one.
"""

from typing import Final

REALLOCATED: Final = "reallocated_sectors"
PENDING: Final = "pending_sectors"
UNCORRECTABLE: Final = "uncorrectable_sectors"
MEDIA_ERRORS: Final = "media_errors"
PERCENTAGE_USED: Final = "percentage_used"
CRITICAL_WARNING: Final = "critical_warning"
AVAILABLE_SPARE: Final = "available_spare"
AVAILABLE_SPARE_THRESHOLD: Final = "available_spare_threshold"
UNSAFE_SHUTDOWNS: Final = "unsafe_shutdowns"
POWER_ON_HOURS: Final = "power_on_hours"
POWER_CYCLES: Final = "power_cycles"
