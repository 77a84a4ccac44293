-- Active checks: one worker asks the endpoints of pools that say how, and takes out here those that fail. A second opinion:
-- it can only remove, never bring in what the log does not call healthy, and removes at most half of a pool.
local cjson = require("cjson.safe")
local health = require("eru.health")
local metrics = require("eru.metrics")
local store = require("eru.store")

local _M = {}

local control = ngx.shared.eru_control
local dict = ngx.shared.eru_health

local lead_s = 3
local at_once_max = 32
local status_line_most = 512
-- A pool that is noted but not in the table: of a generation that is still being written, or gone.
local unknown_most_s = 600

-- By endpoint and how it is asked: {due_s, failures, successes, round}.
local states = {}
local round = 0
local busy = false

local function index_name(key)
  return "c|" .. key
end

-- Notes whether a pool's line asks for checks, as it is written, so that nobody has to search the table for them.
store.notify(function(key, json)
  if key:byte(1) ~= 112 then -- p
    return
  end
  if json and json:find('"check"', 1, true) then
    if not dict:safe_set(index_name(key), ngx.now()) then
      metrics.count("eru_elb_checks_dropped_total", "")
    end
  else
    dict:delete(index_name(key))
  end
end)

-- One worker at a time; when it dies another follows.
local function leads(pid)
  if control:get("checker") == pid then
    control:set("checker", pid, lead_s)
    return true
  end
  return control:safe_add("checker", pid, lead_s)
end

local function status_of(endpoint, check)
  local socket = ngx.socket.tcp()
  socket:settimeout(check.timeoutMs)
  local ok, err = socket:connect(endpoint.host, endpoint.port)
  if not ok then
    return nil, err
  end
  local text = "GET " .. check.path .. " HTTP/1.1\r\nHost: " .. endpoint.host .. ":" .. endpoint.port
  ok, err = socket:send(text .. "\r\nUser-Agent: eru-elb-check\r\nConnection: close\r\n\r\n")
  local line
  if ok then
    line, err = socket:receiveuntil("\r\n")(status_line_most)
  end
  socket:close()
  return line and tonumber(line:match("^HTTP/1%.%d (%d%d%d)")), err or "no HTTP answer"
end

local function is_wanted(status, codes)
  if not codes then
    return status >= 200 and status <= 399
  end
  for _, code in ipairs(codes) do
    if code == status then
      return true
    end
  end
  return false
end

local function ask(entry)
  local endpoint, check, state = entry.endpoint, entry.check, entry.state
  local status, err = status_of(endpoint, check)
  local good = status ~= nil and is_wanted(status, check.codes)
  metrics.count("eru_elb_checks_total", 'pool="' .. entry.pool .. '",result="' .. (good and "ok" or "failed") .. '"')
  state.successes, state.failures = good and state.successes + 1 or 0, good and 0 or state.failures + 1
  local now = ngx.now()
  local keep_s = 3 * (check.intervalMs + check.timeoutMs) / 1000 + lead_s
  if state.failures >= check.unhealthyAfter then
    if health.checked(endpoint.key, false, now, keep_s) then
      ngx.log(ngx.WARN, "left out after failed checks: ", endpoint.key, ": ", status or err)
    end
  elseif state.successes >= check.healthyAfter then
    health.checked(endpoint.key, true, now)
  end
end

-- Puts off until the next round what this one has no room for.
local function due(now)
  local found = {}
  local gen = store.generation()
  for _, name in ipairs(dict:get_keys(0)) do
    local key = name:match("^c|(p:.+)$")
    local json = key and store.read(gen, key)
    local pool = json and cjson.decode(json)
    if key and not (pool and pool.check) and (dict:get(name) or 0) + unknown_most_s < now then
      dict:delete(name)
    end
    for _, endpoint in ipairs(pool and pool.check and pool.eps or {}) do
      endpoint.host = endpoint.ip:find(":", 1, true) and "[" .. endpoint.ip .. "]" or endpoint.ip
      endpoint.key = endpoint.id .. "@" .. endpoint.host .. ":" .. endpoint.port
      local state = states[endpoint.key] or { due_s = 0, failures = 0, successes = 0 }
      states[endpoint.key] = state
      -- In several pools it is asked once.
      if endpoint.s == "a" and state.round ~= round and state.due_s <= now then
        state.due_s = now + pool.check.intervalMs / 1000
        found[#found + 1] = { endpoint = endpoint, check = pool.check, pool = key:sub(3), state = state }
      end
      state.round = round
    end
  end
  for key, state in pairs(states) do
    if state.round ~= round then
      states[key] = nil
    end
  end
  return found
end

local function ask_all(entries)
  for first = 1, #entries, at_once_max do
    local threads = {}
    for at = first, math.min(first + at_once_max - 1, #entries) do
      threads[#threads + 1] = ngx.thread.spawn(ask, entries[at])
    end
    for _, thread in ipairs(threads) do
      ngx.thread.wait(thread)
    end
    leads(ngx.worker.pid())
  end
end

--- One round, if this worker leads and the one before is over. Called once a second.
function _M.tick()
  if busy or not leads(ngx.worker.pid()) then
    return
  end
  busy, round = true, round + 1
  local ok, err = pcall(function()
    ask_all(due(ngx.now()))
  end)
  busy = false
  if not ok then
    ngx.log(ngx.ERR, "checks: ", err)
  end
end

return _M
