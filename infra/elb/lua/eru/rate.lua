-- The rate limit of a rule.
local limits = require("eru.limits")
local metrics = require("eru.metrics")
local values = require("eru.values")

local _M = {}

--- Whether the limit of a forward action lets a request through; the answer then says when to come again. A request
--- without the key's value counts with all others that have none.
function _M.admits(forward, request)
  local value = forward.rate.key and values.key(request, forward.rate.key) or ""
  -- Hashed, so that long values take no more room than short ones.
  local bucket = request.route .. "|" .. forward.id .. "|" .. ngx.md5_bin(value)
  local admitted, again_in_s, forced = limits.take(bucket, forward.rate, ngx.now())
  if forced then
    metrics.count("eru_elb_limits_evicted_total", "")
  end
  if not admitted then
    ngx.header["Retry-After"] = again_in_s
    local labels = 'host="' .. request.route .. '",rule="' .. metrics.escape(forward.id) .. '",limit="rate"'
    metrics.count("eru_elb_limited_total", labels)
  end
  return admitted
end

return _M
