-- Requests under way, by endpoint, in shared memory so that a drain sees all workers. Each worker counts under its own
-- process id: what a killed worker counted can be told apart and dropped.
local workers = require("eru.workers")

local _M = {}

local dict = ngx.shared.eru_inflight
local counts = { http = {}, upgraded = {} }

local function name_of(pid, kind, id)
  return pid .. "|" .. kind .. "|" .. id
end

local function add(kind, id, amount)
  local count = counts[kind][id]
  if not count then
    count = { n = 0, name = name_of(ngx.worker.pid(), kind, id) }
    counts[kind][id] = count
  end
  count.n = count.n + amount
  local ok, err = dict:safe_set(count.name, count.n)
  if not ok then
    ngx.log(ngx.ERR, "cannot count requests to ", id, ", its drain may end early: ", err)
  end
end

--- Counts a request in, before it is sent. `kind` is "http" or "upgraded".
function _M.enter(kind, id)
  add(kind, id, 1)
end

--- Counts a request out.
function _M.leave(kind, id)
  add(kind, id, -1)
end

--- Frees the counters of endpoints that have no requests.
function _M.tidy()
  for _, of_kind in pairs(counts) do
    for id, count in pairs(of_kind) do
      if count.n == 0 then
        dict:delete(count.name)
        of_kind[id] = nil
      end
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
    if alive[tonumber(pid)] then
      total[kind] = total[kind] + (dict:get(name) or 0)
    end
  end
  return total
end

return _M
