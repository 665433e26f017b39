"""What Redis does for one account in one go: it takes a report, answers what is used, and sets tokens aside.

Each process writes what it has used of an account in all, under a name of its own, and never an increment: a report
that arrives twice, because its answer was lost, counts once, and a Redis that lost its data is told everything again.
All times are those of Redis.

Each count is a hash: ``used`` (tokens used, all processes), ``held`` (tokens that processes have set aside for their
next steps), and both again for each process behind a colon, with ``until``: from then on what it holds is taken back
from a process that has died. Of a count without a window, which may last for years, a process that was not heard of for
a week is forgotten; should it come back it is counted once more. ``swept`` is when that was last looked for.
"""

from typing import Final, NamedTuple

SCRIPT: Final = """
local kind, seconds, limit, id = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local told, used = tonumber(ARGV[5]), tonumber(ARGV[6])
local keep, hold, least = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local bucket, passed, idle = 0, 0, 2592000
if kind ~= 'none' then
  bucket = math.floor(now / seconds)
  passed = now / seconds - bucket
  idle = 2 * seconds + 60
  if told == bucket + 1 then  -- the clock of Redis went back, and no window opens twice
    bucket, passed = told, 0
  end
end
local function key(number)
  return kind == 'none' and KEYS[1] or KEYS[1] .. string.format(':%.0f', number)
end
local function read(name, field)
  return tonumber(redis.call('HGET', name, field) or '0')
end
local function write(name, field, value)  -- what this process says of itself; the sum of all follows
  local change = value - read(name, field .. ':' .. id)
  if change ~= 0 then
    redis.call('HINCRBY', name, field, string.format('%.0f', change))
    redis.call('HSET', name, field .. ':' .. id, string.format('%.0f', value))
    redis.call('EXPIRE', name, idle)
  end
end
local function report(number, tokens)
  if kind == 'none' or number >= bucket - 1 then
    write(key(number), 'used', tokens)
  end
end
for position = 11, #ARGV, 2 do
  report(tonumber(ARGV[position]), tonumber(ARGV[position + 1]))
end
local mine = key(bucket)
if told < 0 or told == bucket then
  write(mine, 'used', used)
else
  report(told, used)
  write(key(told), 'held', 0)
end
local previous, weighted = 0, 0
if kind == 'sliding' then
  previous = read(key(bucket - 1), 'used')
  if passed * seconds < 10 then  -- what is held may still be used; later it was not
    previous = previous + read(key(bucket - 1), 'held')
  end
  weighted = math.ceil(previous * (1 - passed))
end
local function free()  -- for this process: what it holds is free for it
  return limit - weighted - read(mine, 'used') - read(mine, 'held') + read(mine, 'held:' .. id)
end
local function release(process)  -- what it holds
  local its = read(mine, 'held:' .. process)
  if its > 0 then
    redis.call('HINCRBY', mine, 'held', string.format('%.0f', -its))
  end
  redis.call('HDEL', mine, 'held:' .. process)
end
if free() < least and read(mine, 'held') > read(mine, 'held:' .. id) then
  local fields = redis.call('HGETALL', mine)
  for position = 1, #fields, 2 do
    local dead = string.match(fields[position], '^until:(.+)$')
    if dead and dead ~= id and tonumber(fields[position + 1]) < now then
      release(dead)
    end
  end
end
local room = free()
local others = read(mine, 'held') - read(mine, 'held:' .. id)
local share = math.max(least, math.floor(room / (others > 0 and 16 or 2)))
local grant = math.max(math.min(hold, room, share), keep)
write(mine, 'held', grant)
if grant > 0 or kind == 'none' then
  redis.call('HSET', mine, 'until:' .. id, string.format('%.0f', now + 10))
end
if kind == 'none' then
  redis.call('EXPIRE', mine, idle)
  if redis.call('HLEN', mine) > 64 and read(mine, 'swept') < now - 3600 then  -- the sums stay
    redis.call('HSET', mine, 'swept', string.format('%.0f', now))
    local fields = redis.call('HGETALL', mine)
    for position = 1, #fields, 2 do
      local gone = string.match(fields[position], '^until:(.+)$')
      if gone and tonumber(fields[position + 1]) < now - 604800 then
        release(gone)
        redis.call('HDEL', mine, 'used:' .. gone, 'until:' .. gone)
      end
    end
  end
end
local answer = {
  bucket, grant, read(mine, 'used') - read(mine, 'used:' .. id), others, previous,
  math.ceil(((bucket + 1) * (seconds or 0) - now) * 1000)
}
if ARGV[10] == '1' then  -- the sums stay
  redis.call('HDEL', mine, 'used:' .. id, 'held:' .. id, 'until:' .. id)
end
return answer
"""


class Question(NamedTuple):
    """What a process asks and reports of one account.

    Attributes:
        key: Beginning of its keys.
        kind: Of its window.
        seconds: Of its window.
        limit: What the window allows.
        process: A name that nobody else has.
        bucket: In which bucket it counts, -1 before it has been told.
        used: What it has used in this bucket, in all.
        keep: What it holds already and may be using just now.
        hold: How much it wants to hold for its next steps, in all.
        least: How much of that is being waited for; more is set aside only from what is left in plenty.
        leaves: Whether it forgets the account after this.
        earlier: Buckets before this one with what it used in them.
    """

    key: str
    kind: str
    seconds: int
    limit: int
    process: str
    bucket: int
    used: int
    keep: int
    hold: int
    least: int
    leaves: bool
    earlier: tuple[tuple[int, int], ...]

    @property
    def arguments(self) -> tuple[str | int, ...]:
        """What the script is called with, behind its key."""
        pairs = (number for pair in self.earlier for number in pair)
        return (
            self.kind,
            self.seconds,
            self.limit,
            self.process,
            self.bucket,
            self.used,
            self.keep,
            self.hold,
            self.least,
            int(self.leaves),
            *pairs,
        )


class Answer(NamedTuple):
    """What Redis says of one account.

    Attributes:
        bucket: The bucket of now.
        granted: What this process holds from now on.
        others: What all others have used in this bucket.
        held: What all others hold.
        previous: What was used, or is still held, in the bucket before; 0 unless the window slides.
        milliseconds: How long this bucket lasts.
    """

    bucket: int
    granted: int
    others: int
    held: int
    previous: int
    milliseconds: int
