-- How many requests a second a rule lets through, by key: a token bucket per rule and key, one for all workers. A bucket is
-- one number in shared memory, the time at which it will be full again, so that workers share it by adding alone. The
-- memory is bounded: when it is full the bucket that was unused longest goes, and its client starts with a full one.
local _M = {}

local dict = ngx.shared.eru_limits

local retry_after_most_s = 3600

--- Takes a request out of a bucket. `rate` is {perSecond, burst}. True, or false and the seconds until there is room; and
--- true at the end when a bucket of somebody else had to go.
function _M.take(bucket, rate, now)
  local each_s = 1 / rate.perSecond
  local depth_s = each_s * ((rate.burst or 0) + 1)
  local full_at = dict:get(bucket)
  if not full_at or full_at <= now then
    -- Two workers that find a full bucket at once may both take from it: one request more than allowed, once.
    local _, _, forced = dict:set(bucket, now + each_s, depth_s + 1)
    return true, nil, forced
  end
  full_at = dict:incr(bucket, each_s) or now + each_s
  local over_s = full_at - now - depth_s
  -- Sums of fractions are not exact: a microsecond is no request.
  if over_s > 0.000001 then
    dict:incr(bucket, -each_s)
    return false, math.min(math.max(1, math.ceil(over_s)), retry_after_most_s)
  end
  dict:expire(bucket, full_at - now + 1)
  return true
end

return _M
