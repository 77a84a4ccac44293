-- The calls router-sync makes, on a unix socket in a directory that only its user can enter. docs/elb.md describes them.
local cjson = require("cjson.safe")
local explain = require("eru.explain")
local health = require("eru.health")
local inflight = require("eru.inflight")
local lines = require("eru.lines")
local lines_tls = require("eru.lines.tls")
local metrics = require("eru.metrics")
local process = require("ngx.process")
local store = require("eru.store")
local workers = require("eru.workers")

local _M = {}

local drain_endpoints_max = 200
local in_flight_pools_max = 1000

local function reply(status, body)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.print(cjson.encode(body), "\n")
  return ngx.exit(ngx.HTTP_OK)
end

local function refuse(status, reason, more)
  local body = more or {}
  body.error = reason
  return reply(status, body)
end

local function read_body()
  ngx.req.read_body()
  return ngx.req.get_body_data() or ""
end

local function whole(value, least, most)
  return type(value) == "number" and value == math.floor(value) and value >= least and value <= most
end

local seq_max = 2 ^ 53

local function is_epoch(value)
  return type(value) == "string" and #value >= 1 and #value <= store.epoch_length_max and not value:find("[%c ]")
end

-- What stands between a writer and its wish, as an answer.
local function refuse_write(why, gen)
  if why == "writer" then
    return refuse(423, "another writer is at work", { gen = store.writer() })
  elseif why == "base" then
    local now = store.current()
    return refuse(409, "the table in force is another", { epoch = now.epoch, seq = now.seq })
  elseif why == "memory" then
    return refuse(507, "the table's shared memory is full; the table before stays")
  elseif why == "closed" then
    return refuse(409, "generation " .. gen .. " is not open")
  elseif why == "changed" then
    return refuse(409, "this chunk was sent before with other lines")
  elseif type(why) == "table" then
    return reply(422, why)
  end
  return refuse(409, why)
end

local calls = {}

calls["GET /__elb/ready"] = function()
  local now = store.current()
  return reply(200, { bootId = now.bootId, epoch = now.epoch, seq = now.seq })
end

calls["GET /v1/status"] = function()
  local status = store.current()
  status.workers = workers.list()
  status.masterPid = process.get_master_pid()
  status.orphaned = workers.orphaned()
  status.openGen = store.writer()
  status.dictFree, status.dictBytes = store.room()
  status.leftOut, status.leftOutTotal = health.list(ngx.now())
  if #status.leftOut == 0 then
    status.leftOut = nil -- Debian's cjson would write an object.
  end
  return reply(200, status)
end

calls["POST /v1/gen"] = function()
  local gen = store.open()
  if not gen then
    return refuse_write("writer")
  end
  return reply(200, { gen = gen })
end

calls["PUT /v1/gen/(%d+)/chunk/(%d+)"] = function(gen, number)
  gen, number = tonumber(gen), tonumber(number)
  if number >= store.chunks_max then
    return refuse(400, "a generation has at most " .. store.chunks_max .. " chunks")
  end
  local body = read_body()
  local changes, fault = lines.parse_all(body, lines.lines_max)
  for line, change in ipairs(changes or {}) do
    if change.op == "-" then
      fault = { line = line, key = change.key, reason = "a generation holds no removals" }
      break
    end
  end
  if fault then
    return reply(422, fault)
  end
  local ok, why = store.put_chunk(gen, number, body, changes)
  if not ok then
    return refuse_write(why, gen)
  end
  return reply(200, { n = #changes })
end

calls["POST /v1/gen/(%d+)/commit"] = function(gen)
  local header = cjson.decode(read_body())
  if
    type(header) ~= "table"
    or not is_epoch(header.epoch)
    or not whole(header.seq, 0, seq_max)
    or not whole(header.chunks, 0, store.chunks_max)
    or not whole(header.count, 0, seq_max)
    or type(header.sha256) ~= "string"
  then
    return refuse(400, "wanted {epoch, seq, chunks, count, sha256}")
  end
  local done, why = store.commit(tonumber(gen), header)
  if not done then
    return refuse_write(why, gen)
  end
  return reply(200, done)
end

calls["DELETE /v1/gen/(%d+)"] = function(gen)
  if not store.abort(tonumber(gen)) then
    return refuse(404, "generation " .. gen .. " is not open")
  end
  return reply(200, {})
end

calls["POST /v1/delta"] = function()
  local head, body = read_body():match("^([^\n]*)\n?(.*)$")
  local header = cjson.decode(head)
  if
    type(header) ~= "table"
    or not is_epoch(header.epoch)
    or not whole(header.base, 0, seq_max)
    or not whole(header.seq, header.base + 1, seq_max)
  then
    return refuse(400, "the first line must be {epoch, base, seq} with seq greater than base")
  end
  local changes, fault = lines.parse_all(body)
  if not changes then
    return reply(422, fault)
  end
  local done, why = store.delta(header, changes)
  if not done then
    return refuse_write(why)
  end
  return reply(200, done)
end

calls["POST /v1/validate"] = function()
  local changes, fault = lines.parse_all(read_body())
  if not changes then
    return reply(422, fault)
  end
  return reply(200, { n = #changes })
end

calls["GET /v1/drain"] = function()
  local wanted = ngx.req.get_uri_args(0).ep or {}
  local ids = type(wanted) == "table" and wanted or { wanted }
  if #ids == 0 or #ids > drain_endpoints_max then
    return refuse(400, "wanted 1 to " .. drain_endpoints_max .. " endpoints as ?ep=<id>&ep=<id>")
  end
  inflight.tell()
  local living = workers.list()
  local acked, exiting = store.token(), 0
  for _, worker in ipairs(living) do
    if worker.exiting then
      exiting = exiting + 1
    else
      acked = math.min(acked, worker.ackedToken)
    end
  end
  local endpoints = {}
  for _, id in ipairs(ids) do
    endpoints[tostring(id)] = inflight.of(living, tostring(id))
  end
  return reply(200, {
    bootId = store.current().bootId,
    ackedToken = acked,
    exiting = exiting,
    endpoints = endpoints,
  })
end

local function is_optional(value, kind)
  return value == nil or type(value) == kind
end

local function is_headers(headers)
  if headers == nil then
    return true
  elseif type(headers) ~= "table" then
    return false
  end
  for name, value in pairs(headers) do
    if type(name) ~= "string" or type(value) ~= "string" then
      return false
    end
  end
  return true
end

local function lower_names(headers)
  local out = {}
  for name, value in pairs(headers or {}) do
    out[name:lower()] = value
  end
  return out
end

calls["POST /v1/explain"] = function()
  local asked = cjson.decode(read_body())
  if
    type(asked) ~= "table"
    or type(asked.host) ~= "string"
    or type(asked.path) ~= "string"
    or not is_optional(asked.method, "string")
    or not is_optional(asked.scheme, "string")
    or not is_optional(asked.port, "number")
    or not is_optional(asked.query, "string")
    or not is_optional(asked.source, "string")
    or not is_headers(asked.headers)
  then
    return refuse(400, "wanted {host, path} and, if need be, method, scheme, port, query, headers and source")
  end
  ngx.header["Content-Type"] = "application/json"
  ngx.print(explain.answer({
    host = asked.host:lower():gsub(":%d+$", ""):gsub("%.$", ""),
    path = asked.path,
    method = asked.method or "GET",
    scheme = asked.scheme or "http",
    port = asked.port or (asked.scheme == "https" and 443 or 80),
    query = asked.query or "",
    headers = lower_names(asked.headers),
    source = asked.source or "127.0.0.1",
  }), "\n")
end

calls["GET /v1/table"] = function()
  local now = store.current()
  ngx.header["Content-Type"] = "text/plain; charset=utf-8"
  ngx.print(cjson.encode({ bootId = now.bootId, epoch = now.epoch, seq = now.seq, token = now.token }), "\n")
  local page = {}
  local function send()
    ngx.print(page)
    ngx.flush(true)
    page = {}
  end
  store.each(ngx.var.arg_prefix or "", function(key, value)
    page[#page + 1] = "+\t" .. key .. "\t" .. lines_tls.public(key, value) .. "\n"
    if #page == lines.lines_max then
      send()
    end
  end)
  send()
end

calls["GET /metrics"] = function()
  inflight.tell()
  local now, total = store.current(), inflight.total()
  local free, bytes = store.room()
  metrics.flush()
  inflight.flush()
  local living = workers.list()
  local left_out, left_out_total = health.list(ngx.now())
  local gauges = {
    { "eru_elb_table_seq", "Sequence of the log the table in force was computed at.", now.seq },
    { "eru_elb_table_token", "Changes of the table since the start.", now.token },
    { "eru_elb_table_age_seconds", "Time since the last change of the table.", now.ageMs / 1000 },
    { "eru_elb_table_free_bytes", "Free pages of the table's shared memory.", free },
    { "eru_elb_table_bytes", "The table's shared memory.", bytes },
    { "eru_elb_workers", "Worker processes, leaving ones included.", #living },
    { "eru_elb_requests_in_flight", "Requests sent to an endpoint and not finished.", total.http },
    { "eru_elb_upgraded_in_flight", "Upgraded connections (WebSocket) open.", total.upgraded },
    { "eru_elb_endpoints_left_out", "Endpoints left out for failures or by checks.", left_out_total },
  }
  for _, one in ipairs(left_out) do
    local labels = 'endpoint="' .. one.endpoint .. '",because="' .. one.because .. '"'
    gauges[#gauges + 1] = { "eru_elb_endpoint_left_out", "1 while this endpoint is left out.", 1, labels }
  end
  local named = 0
  for pool, n in pairs(inflight.pools(living)) do
    named = named + 1
    if named <= in_flight_pools_max then
      local labels = 'pool="' .. pool .. '"'
      gauges[#gauges + 1] = { "eru_elb_pool_in_flight", "Requests under way by pool.", n, labels }
    end
  end
  ngx.header["Content-Type"] = "text/plain; version=0.0.4"
  ngx.print(metrics.render(gauges))
end

--- Content phase of the admin server.
function _M.handle()
  local asked = ngx.req.get_method() .. " " .. ngx.var.uri
  for pattern, call in pairs(calls) do
    local first, second = asked:match("^" .. pattern .. "$")
    if first then
      return call(first, second)
    end
  end
  return refuse(404, "there is no " .. asked)
end

return _M
