-- Requests under way, by endpoint, in shared memory so that a drain sees all workers. Each worker counts under its own
-- process id: what a killed worker counted can be told apart and dropped.
local workers = require("eru.workers")

local _M = {}

local dict = ngx.shared.eru_inflight
local counts = { http = {}, upgraded = {} }
local by_pool = {}
-- Counts that the others have not been told, and whether this worker, being about to end, tells each at once.
local changed, changed_count, leaving = {}, 0, false

local function name_of(pid, kind, id)
  return pid .. "|" .. kind .. "|" .. id
end

local function tell(count)
  count.told = count.n
  local ok, err = dict:safe_set(count.name, count.n)
  if not ok then
    ngx.log(ngx.ERR, "cannot count requests as ", count.name, ", its drain may end early: ", err)
  end
end

local function add(kind, endpoint, amount)
  local id = endpoint.id
  local count = counts[kind][id]
  if not count then
    count = { n = 0, told = 0, name = name_of(ngx.worker.pid(), kind, id) }
    counts[kind][id] = count
  end
  count.n = count.n + amount
  -- What draining endpoints have, and what lasts, is told at once.
  if leaving or endpoint.s == "d" or kind == "upgraded" then
    tell(count)
  elseif not count.changed then
    count.changed = true
    changed_count = changed_count + 1
    changed[changed_count] = count
  end
end

local function add_to_pool(pool, amount)
  by_pool[pool] = (by_pool[pool] or 0) + amount
end

--- Counts a request in, before it is sent. `kind` is "http" or "upgraded".
function _M.enter(kind, endpoint)
  add(kind, endpoint, 1)
  add_to_pool(endpoint.pool, 1)
end

--- Counts a request out.
function _M.leave(kind, endpoint)
  add(kind, endpoint, -1)
  add_to_pool(endpoint.pool, -1)
end

--- Tells the others what changed since the last time. Called before this worker acknowledges a change of the table: so
--- whoever sees that all acknowledged one sees all that went to an endpoint before it.
function _M.tell()
  for at = 1, changed_count do
    local count = changed[at]
    count.changed = false
    if count.n ~= count.told then
      tell(count)
    end
    changed[at] = nil
  end
  changed_count = 0
end

--- From now on each is told at once: timers of a worker that is about to end run no more.
function _M.at_once()
  _M.tell()
  leaving = true
end

--- Tells the others what this worker has under way by pool. Called once a second.
function _M.flush()
  local pid = ngx.worker.pid()
  for pool, n in pairs(by_pool) do
    dict:safe_set(pid .. "|pool|" .. pool, n)
    if n == 0 then
      by_pool[pool] = nil
    end
  end
end

--- What is under way by pool, as of the last second.
function _M.pools(living)
  local alive, sums = {}, {}
  for _, worker in ipairs(living) do
    alive[worker.pid] = true
  end
  for _, name in ipairs(dict:get_keys(0)) do
    local pid, pool = name:match("^(%d+)|pool|(.*)$")
    if alive[tonumber(pid)] then
      sums[pool] = (sums[pool] or 0) + (dict:get(name) or 0)
    end
  end
  return sums
end

--- What this worker has under way to an endpoint.
function _M.here(id)
  local http, upgraded = counts.http[id], counts.upgraded[id]
  return (http and http.n or 0) + (upgraded and upgraded.n or 0)
end

-- Requests that count for a limit, over all workers: one number that all of them add to, so that the last place is not
-- given away twice. Each worker also notes its own part, which comes off when it is killed.
local function note_taken(id, amount)
  local name = workers.taken_name(ngx.worker.pid(), id)
  local count = dict:incr(name, amount)
  if not count and amount > 0 then
    dict:safe_add(name, amount) -- A count of something else must not go for it.
  elseif count == 0 then
    dict:delete(name)
  end
end

--- Takes a place at an endpoint with at most `most` of them; false when all are taken. Without room in shared memory
--- requests go through uncounted.
function _M.take(id, most)
  local name = workers.places_name(id)
  local count, err = dict:incr(name, 1)
  if not count and err == "not found" then
    dict:safe_add(name, 0)
    count = dict:incr(name, 1)
  end
  if count and count > most then
    dict:incr(name, -1)
    return false
  end
  if count then
    note_taken(id, 1)
  end
  return true
end

--- Gives a place back.
function _M.give_back(id)
  local count = dict:incr(workers.places_name(id), -1)
  if count then
    note_taken(id, -1)
  end
end

--- Frees the counters of endpoints that have no requests.
function _M.tidy()
  for _, of_kind in pairs(counts) do
    for id, count in pairs(of_kind) do
      if count.n == 0 then
        dict:delete(count.name)
        of_kind[id] = nil -- It may still be among the changed ones, which then tell nothing.
        count.told = 0
      end
    end
  end
  for _, name in ipairs(dict:get_keys(0)) do
    if name:find("|pool|", 1, true) and dict:get(name) == 0 then
      dict:delete(name)
    end
    -- Somebody who takes a place this very moment goes uncounted: one too many, once.
    if name:find("^places|") and dict:get(name) == 0 then
      dict:delete(name)
    end
  end
end

--- What is under way to an endpoint in the given workers.
function _M.of(living, id)
  local sum = { http = 0, upgraded = 0 }
  for _, worker in ipairs(living) do
    for kind, n in pairs(sum) do
      sum[kind] = n + (dict:get(name_of(worker.pid, kind, id)) or 0)
    end
  end
  return sum
end

--- What is under way in all.
function _M.total()
  local total = { http = 0, upgraded = 0 }
  local alive = {}
  for _, worker in ipairs(workers.list()) do
    alive[worker.pid] = true
  end
  for _, name in ipairs(dict:get_keys(0)) do
    local pid, kind = name:match("^(%d+)|(%l+)|")
    if total[kind] and alive[tonumber(pid)] then
      total[kind] = total[kind] + (dict:get(name) or 0)
    end
  end
  return total
end

return _M
