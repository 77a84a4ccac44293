-- Start and end of the processes. nginx refuses to start without a table: a closed port makes clients try elsewhere, a
-- port that answers 404 to everything does not.
local cjson = require("cjson.safe")
local ffi = require("ffi")
local checks = require("eru.checks")
local health = require("eru.health")
local inflight = require("eru.inflight")
local lines = require("eru.lines")
local metrics = require("eru.metrics")
local proxy = require("eru.proxy")
local sha256 = require("eru.sha256")
local store = require("eru.store")
local tls_lines = require("eru.lines.tls")
local workers = require("eru.workers")
require("eru.admin") -- All code is read here, by the master: workers may not be able to.

ffi.cdef("int close(int);")

local _M = {}

-- For the blocks of nginx.conf: `require` in each of them would be a call LuaJIT cannot compile, at every phase of every
-- request.
_G.eru_proxy = proxy

local tick_s = 0.05
local flush_s = 1
local tidy_s = 10

local function fail(path, reason)
  error("boot file " .. path .. ": " .. reason, 0)
end

local function open(path)
  local file, err = io.open(path, "rb")
  if not file then
    fail(path, err)
  end
  local header = cjson.decode(file:read("*l") or "")
  if type(header) ~= "table" or type(header.epoch) ~= "string" or type(header.seq) ~= "number" then
    fail(path, "its first line is not a header {epoch, seq, count, sha256}")
  end
  return file, header
end

-- Private keys by their sealed form. They come through a descriptor that nobody else has, and it is closed at once.
local function read_keys(path)
  local descriptor = path:match("^/proc/self/fd/(%d+)$")
  if not descriptor then
    return {}
  end
  local file, err = io.open(path, "rb")
  if not file then
    fail(path, err)
  end
  local keys = cjson.decode(file:read("*a"))
  file:close()
  ffi.C.close(tonumber(descriptor))
  return keys or fail(path, "it is not JSON")
end

local block_bytes = 64 * 1024

-- Piece by piece: LuaJIT finds a string among all that are alive by a few of its bytes, and the lines of a large table are
-- so alike that keeping them would take minutes. What does not hold at the end stops nginx, so nobody sees half a table.
local function load(path, boot_id, keys)
  local file, header = open(path)
  local import, hash, count = store.import(boot_id, header), sha256.start(), 0
  local broken
  local function take(line)
    count = count + 1
    if broken then -- A damaged file has other faults than its line's: it is read to its end.
      return
    end
    local whole = tls_lines.with_key(line, keys)
    if not whole then -- Its host has the placeholder until the log is there.
      return
    end
    local change, reason, key = lines.parse(whole)
    if change then
      key, reason = change.key, import.put(change)
    end
    broken = reason and { key = key, line = count, reason = reason }
  end
  while true do
    local block, rest = file:read(block_bytes, "*L")
    if not block then
      break
    end
    block = block .. (rest or "")
    hash.add(block)
    for line in block:gmatch("[^\n]+") do
      take(line)
    end
  end
  file:close()
  if hash.digest() ~= header.sha256 then
    fail(path, "its sha256 is another than the header says: it is damaged or incomplete")
  end
  if broken then
    fail(path, "rejects " .. (broken.key or "?") .. " in line " .. broken.line .. ": " .. broken.reason)
  end
  if count ~= header.count then
    fail(path, "it has " .. count .. " lines, its header says " .. tostring(header.count))
  end
  import.finish()
end

--- In the master, before any socket is open. A reload keeps the table that is in shared memory.
function _M.init(path, boot_id, keys_path)
  if not store.token() then
    load(path, boot_id, read_keys(keys_path))
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
