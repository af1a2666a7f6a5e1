-- May one come, by all of these rules? Refused, it counts for none of them.
-- KEYS: one for each rule. ARGV: of each rule 's' (exact sliding log) or 'g' (GCRA), count, period in ms,
-- burst; then the time in us, 0 for this server's.
-- Answers 1 or 0, the time, and of each rule two numbers (struct kv_found in kv.h).
local function f(x) return string.format('%.0f', x) end -- tostring() would write 1.7e+15
local now = tonumber(ARGV[#ARGV])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end
local out, ok = {}, 1
for i, key in ipairs(KEYS) do
  local a = (i - 1) * 4
  local n, period, burst = tonumber(ARGV[a + 2]), ARGV[a + 3] * 1000, tonumber(ARGV[a + 4])
  if ARGV[a + 1] == 's' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. f(now - period))
    local used, wait = redis.call('ZCARD', key), 0
    if used > 0 then
      local leaves = math.max(used - n, 0)
      wait = redis.call('ZRANGE', key, leaves, leaves, 'WITHSCORES')[2] + period + 1 - now
    end
    if used >= n then ok = 0 end
    out[2 * i - 1], out[2 * i] = used, wait
  else
    local step = math.max(math.floor(period / n), 1)
    local tat = tonumber(redis.call('GET', key) or 0)
    local early = tat - (burst - 1) * step - now
    if early > 0 then ok = 0 end
    out[2 * i - 1], out[2 * i] = tat, early
  end
end
if ok == 1 then
  for i, key in ipairs(KEYS) do
    local a = (i - 1) * 4
    local n, period = tonumber(ARGV[a + 2]), ARGV[a + 3] * 1000
    if ARGV[a + 1] == 's' then
      redis.call('ZADD', key, f(now), f(now) .. '-' .. out[2 * i - 1])
      redis.call('PEXPIRE', key, f(period / 1000 + 1000))
    else
      local tat = math.max(out[2 * i - 1], now) + math.max(math.floor(period / n), 1)
      redis.call('SET', key, f(tat), 'PX', f((tat - now) / 1000 + 1000))
    end
  end
end
return { ok, f(now), unpack(out) }
