-- Start and end of the processes. nginx refuses to start without a table: a closed port makes clients try elsewhere, a
-- port that answers 404 to everything does not.
local cjson = require("cjson.safe")
local checks = require("eru.checks")
local health = require("eru.health")
local inflight = require("eru.inflight")
local lines = require("eru.lines")
local metrics = require("eru.metrics")
local proxy = require("eru.proxy")
local sha256 = require("eru.sha256")
local store = require("eru.store")
local workers = require("eru.workers")
require("eru.admin") -- All code is read here, by the master: workers may not be able to.

local _M = {}

local tick_s = 0.05
local flush_s = 1
local tidy_s = 10

local function fail(path, reason)
  error("boot file " .. path .. ": " .. reason, 0)
end

local function read(path)
  local file, err = io.open(path, "rb")
  if not file then
    fail(path, err)
  end
  local text = file:read("*a")
  file:close()
  local head, body = text:match("^([^\n]*)\n(.*)$")
  local header = head and cjson.decode(head)
  if type(header) ~= "table" or type(header.epoch) ~= "string" or type(header.seq) ~= "number" then
    fail(path, "its first line is not a header {epoch, seq, count, sha256}")
  end
  if sha256(body) ~= header.sha256 then
    fail(path, "its sha256 is another than the header says: it is damaged or incomplete")
  end
  local changes, fault = lines.parse_all(body)
  if not changes then
    fail(path, "rejects " .. (fault.key or "?") .. " in line " .. fault.line .. ": " .. fault.reason)
  end
  if #changes ~= header.count then
    fail(path, "it has " .. #changes .. " lines, its header says " .. tostring(header.count))
  end
  return header, changes
end

--- In the master, before any socket is open. A reload keeps the table that is in shared memory.
function _M.init(path, boot_id)
  if not store.token() then
    local header, changes = read(path)
    store.import(boot_id, header, changes)
  end
end

--- In each worker as it starts.
function _M.init_worker()
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  workers.list() -- Drops what a dead predecessor left.
  proxy.tick(false)
  ngx.timer.every(tick_s, function(premature)
    proxy.tick(premature)
    if not premature then
      health.sync(ngx.now())
      store.tidy()
    end
  end)
  ngx.timer.every(flush_s, function(premature)
    metrics.flush()
    inflight.flush()
    if not premature then
      checks.tick()
    end
  end)
  ngx.timer.every(tidy_s, function()
    inflight.tidy()
    health.tidy(ngx.now())
  end)
end

--- In each worker as it ends.
function _M.exit_worker()
  metrics.flush()
  workers.gone()
end

return _M
