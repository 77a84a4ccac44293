-- Which endpoint of a pool gets the next request: smooth weighted round robin, leaving out for a while those that could
-- not be connected to. Each worker judges for itself: a failed connect costs a request a retry, not an error.
local _M = {}

local failures_to_eject = 2
local failures_within_s = 5
local ejected_for_s = 10

-- By endpoint id and address, so that a change of the pool does not forget them.
local failures = {}
local ejected_count = 0

local function identity(endpoint)
  return endpoint.id .. "@" .. endpoint.host .. ":" .. endpoint.port
end

local function is_ejected(endpoint, now)
  local record = failures[identity(endpoint)]
  return record ~= nil and record.until_s ~= nil and record.until_s > now
end

--- Notes that an endpoint could not be connected to. True when it is left out from now on.
function _M.connect_failed(endpoint, now)
  local key = identity(endpoint)
  local record = failures[key]
  if not record or (not record.until_s and record.first_s + failures_within_s < now) then
    record = { first_s = now, count = 0 }
    failures[key] = record
  end
  record.count = record.count + 1
  if record.until_s or record.count < failures_to_eject then
    return false
  end
  record.until_s = now + ejected_for_s
  ejected_count = ejected_count + 1
  return true
end

--- Notes that an endpoint answered: failures before do not count.
function _M.connected(endpoint)
  local key = identity(endpoint)
  if failures[key] and not failures[key].until_s then
    failures[key] = nil
  end
end

--- Forgets what is over.
function _M.tidy(now)
  for key, record in pairs(failures) do
    if record.until_s and record.until_s <= now then
      failures[key] = nil
      ejected_count = ejected_count - 1
    elseif not record.until_s and record.first_s + failures_within_s < now then
      failures[key] = nil
    end
  end
end

local function next_of(candidates)
  local best, total = nil, 0
  for _, endpoint in ipairs(candidates) do
    endpoint.current = endpoint.current + endpoint.w
    total = total + endpoint.w
    if not best or endpoint.current > best.current then
      best = endpoint
    end
  end
  if best then
    best.current = best.current - total
  end
  return best
end

local function without(endpoints, unwanted)
  local rest = {}
  for _, endpoint in ipairs(endpoints) do
    if not unwanted(endpoint) then
      rest[#rest + 1] = endpoint
    end
  end
  return rest
end

--- An active endpoint that is not in `tried` (a set of ids, or nil); nil when there is none. Draining ones never.
function _M.pick(pool, tried, now)
  local candidates = pool.active
  if ejected_count > 0 then
    local sound = without(candidates, function(endpoint)
      return is_ejected(endpoint, now)
    end)
    -- With more than half failing the fault is likely elsewhere, and the rest would be overrun.
    if #sound * 2 >= #candidates then
      candidates = sound
    end
  end
  if tried then
    candidates = without(candidates, function(endpoint)
      return tried[endpoint.id]
    end)
  end
  return next_of(candidates)
end

return _M
