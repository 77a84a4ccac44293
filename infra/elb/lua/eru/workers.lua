-- Which worker processes there are and which change of the table each has seen. A worker's own entries are written by it
-- alone; those of a dead one are removed by whoever notices.
local ffi = require("ffi")
local process = require("ngx.process")

ffi.cdef("int getppid(void);")

local _M = {}

local control = ngx.shared.eru_control
local inflight = ngx.shared.eru_inflight
local acked_last
local buried_s = 1

local function ack_name(pid)
  return "ack:" .. pid
end

local function exiting_name(pid)
  return "exiting:" .. pid
end

-- A process id alone may have gone to somebody else; a sibling has our parent. Zombies are dead.
local function is_alive(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then
    return false
  end
  local stat = file:read("*a") or ""
  file:close()
  local state, parent = stat:match("%) (%a) (%d+)")
  return state ~= nil and state ~= "Z" and state ~= "X" and tonumber(parent) == ffi.C.getppid()
end

--- Names of the requests under a limit: of all workers, and of one.
function _M.places_name(id)
  return "places|" .. id
end

function _M.taken_name(pid, id)
  return pid .. "|taken|" .. id
end

local function forget(pid)
  control:delete(ack_name(pid))
  control:delete(exiting_name(pid))
  -- Several may notice a death; only one may give its places back.
  if not control:safe_add("buried:" .. pid, 1, buried_s) then
    return
  end
  local start = pid .. "|"
  for _, name in ipairs(inflight:get_keys(0)) do
    if name:sub(1, #start) == start then
      local id, taken = name:match("^%d+|taken|(.*)$"), inflight:get(name)
      inflight:delete(name)
      if id and taken then
        inflight:incr(_M.places_name(id), -taken)
      end
    end
  end
end

--- Tells the others that every decision of this worker from now on is by change `token` or newer.
function _M.ack(token)
  if token ~= acked_last then
    control:safe_set(ack_name(ngx.worker.pid()), token)
    acked_last = token
  end
end

--- This worker takes no new connections any more; requests it has go on.
function _M.leaving()
  control:safe_set(exiting_name(ngx.worker.pid()), 1)
end

--- This worker ends: nothing of it counts any more.
function _M.gone()
  forget(ngx.worker.pid())
end

--- True when the master is dead: its workers go on serving, but nobody replaces them.
function _M.orphaned()
  return ffi.C.getppid() ~= process.get_master_pid()
end

--- The living workers as {pid, ackedToken, exiting}, those that died without a word removed.
function _M.list()
  local living = {}
  for _, name in ipairs(control:get_keys(0)) do
    local pid = tonumber(name:match("^ack:(%d+)$"))
    if pid and is_alive(pid) then
      living[#living + 1] = {
        pid = pid,
        ackedToken = control:get(name),
        exiting = control:get(exiting_name(pid)) ~= nil,
      }
    elseif pid then
      forget(pid)
    end
  end
  table.sort(living, function(a, b)
    return a.pid < b.pid
  end)
  return living
end

return _M
