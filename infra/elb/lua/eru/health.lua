-- Which endpoints this load balancer leaves out by its own judgement: those that failed requests, for a while, and those
-- its own checks find dead. Shared by the workers through shared memory, so that it costs a request nothing while all is
-- well; nobody but this load balancer hears of it here. What the log says of endpoints is in the table.
local _M = {}

local dict = ngx.shared.eru_health

local failures_to_eject = 2
local failures_within_s = 5
local eject_first_s, eject_most_s = 10, 60
-- How long a failure after the time is over counts as one more in a row.
local probation_s = 60
local listed_max = 100

-- This worker's failures, and its copy of what all workers left out: by endpoint key.
local failing, ejected, down = {}, {}, {}
local any, seen, refreshed_s = false, 0, 0
-- Grows with every change of the copy; pools remember which they were sorted out by.
local version = 0

local function times(value)
  local since_s, until_s, step = value:match("^(%S+) (%S+) (%S+)$")
  return { since_s = tonumber(since_s), until_s = tonumber(until_s), step = tonumber(step) }
end

local function refresh(now)
  ejected, down, any = {}, {}, false
  for _, name in ipairs(dict:get_keys(0)) do
    local kind, key = name:match("^([ed])|(.+)$")
    local value = kind and dict:get(name)
    if value and kind == "e" then
      ejected[key] = times(value)
      any = true
    elseif value then
      down[key] = { since_s = value }
      any = true
    end
  end
  version = version + 1
  refreshed_s = now
end

local function changed(now)
  seen = dict:incr("changes", 1, 0) or seen
  refresh(now)
end

--- Takes in what other workers found. Called by a timer, so a worker hears of it within 50 ms.
function _M.sync(now)
  local newest = dict:get("changes") or 0
  -- Entries end by themselves, which is no change that anybody counted.
  if newest ~= seen or (any and now - (refreshed_s) >= 1) then
    seen = newest
    refresh(now)
  end
end

local function eject(key, now, step)
  local known = dict:get("e|" .. key)
  if known and times(known).until_s > now then
    refresh(now) -- Another worker was faster.
    return false
  end
  local for_s = math.min(eject_first_s * 2 ^ (step - 1), eject_most_s)
  local value = string.format("%.3f %.3f %d", now, now + for_s, step)
  -- Without room it stays in: its failures cost retries, as before.
  if not dict:safe_set("e|" .. key, value, for_s + probation_s) then
    return false
  end
  failing[key] = nil
  changed(now)
  return true
end

--- Notes that an endpoint failed a request. True when it is left out from now on.
function _M.failed(endpoint, now)
  local key = endpoint.key
  local record = ejected[key]
  if record then
    -- One on probation goes again at its first failure, for longer.
    return record.until_s <= now and eject(key, now, record.step + 1)
  end
  local recent = failing[key]
  if not recent or recent.first_s + failures_within_s < now then
    recent = { first_s = now, count = 0 }
    failing[key] = recent
  end
  recent.count = recent.count + 1
  return recent.count >= failures_to_eject and eject(key, now, 1)
end

--- Notes that an endpoint answered: what was before is forgiven.
function _M.succeeded(endpoint, now)
  local key = endpoint.key
  if failing[key] then
    failing[key] = nil
  end
  if any and ejected[key] and ejected[key].until_s <= now then
    dict:delete("e|" .. key)
    changed(now)
  end
end

--- Notes what a check found, for so long as the next one may take. True when that is new.
function _M.checked(key, is_up, now, ttl_s)
  local name = "d|" .. key
  local since = dict:get(name)
  if is_up then
    if since then
      dict:delete(name)
      changed(now)
    end
    return since ~= nil
  end
  dict:safe_set(name, since or now, ttl_s)
  if not since then
    changed(now)
  end
  return since == nil
end

local function is_out(key, now)
  local record = ejected[key]
  if down[key] then
    return down[key].since_s
  end
  return record and record.until_s > now and record.since_s
end

local function sort_out(pool, now)
  local out, most = {}, math.floor(#pool.active / 2)
  for _, endpoint in ipairs(pool.active) do
    local since_s = is_out(endpoint.key, now)
    if since_s then
      out[#out + 1] = { key = endpoint.key, since_s = since_s }
    end
  end
  -- With more than half failing the fault is likely elsewhere, and the rest would be overrun.
  table.sort(out, function(a, b)
    return a.since_s < b.since_s or (a.since_s == b.since_s and a.key < b.key)
  end)
  local left_out = {}
  for at = 1, math.min(#out, most) do
    left_out[out[at].key] = true
  end
  local usable = {}
  for _, endpoint in ipairs(pool.active) do
    if not left_out[endpoint.key] then
      usable[#usable + 1] = endpoint
    end
  end
  return usable
end

--- The active endpoints of a pool without those left out, which are never more than half of them.
function _M.usable(pool, now)
  if not any then
    return pool.active
  end
  if pool.usable_version ~= version or now >= pool.usable_until_s then
    pool.usable, pool.usable_version, pool.usable_until_s = sort_out(pool, now), version, math.huge
    for _, endpoint in ipairs(pool.active) do
      local record = ejected[endpoint.key]
      if record and record.until_s > now then
        pool.usable_until_s = math.min(pool.usable_until_s, record.until_s)
      end
    end
  end
  return pool.usable
end

--- What is left out: a list of {endpoint, address, because, sinceMs, untilMs}, at most 100, and the number of all.
function _M.list(now)
  _M.sync(now)
  local found = {}
  local function add(key, because, record)
    local id, address = key:match("^(.-)@(.*)$")
    found[#found + 1] = {
      endpoint = id,
      address = address,
      because = because,
      sinceMs = math.floor(record.since_s * 1000),
      untilMs = record.until_s and math.floor(record.until_s * 1000),
    }
  end
  for key, record in pairs(down) do
    add(key, "check", record)
  end
  for key, record in pairs(ejected) do
    if record.until_s > now and not down[key] then
      add(key, "failures", record)
    end
  end
  table.sort(found, function(a, b)
    return a.endpoint .. a.address < b.endpoint .. b.address
  end)
  local total = #found
  for at = total, listed_max + 1, -1 do
    found[at] = nil
  end
  return found, total
end

--- Forgets failures that are too old to count.
function _M.tidy(now)
  for key, recent in pairs(failing) do
    if recent.first_s + failures_within_s < now then
      failing[key] = nil
    end
  end
end

return _M
