-- Copies of requests for a second pool. A copy is sent from a timer, over HTTP/1.1, and its answer thrown away: what
-- becomes of it can neither delay nor change what the client gets.
local balance = require("eru.balance")
local metrics = require("eru.metrics")
local view = require("eru.view")

local _M = {}

--- Requests with longer bodies are not copied.
_M.body_bytes_max = 1024 * 1024

local under_way, under_way_max = 0, 200
local connect_ms, answer_ms = 1000, 10000
local answer_bytes_max = 16 * 1024 * 1024

local hop = {
  connection = true,
  ["content-length"] = true,
  expect = true,
  ["keep-alive"] = true,
  ["proxy-connection"] = true,
  te = true,
  trailer = true,
  ["transfer-encoding"] = true,
  upgrade = true,
}

local function count(pool, outcome)
  metrics.count("eru_elb_mirrored_total", 'pool="' .. pool .. '",outcome="' .. outcome .. '"')
end

local function head_of(var, target, length)
  local head = { ngx.req.get_method() .. " " .. target .. " HTTP/1.1" }
  local own = {
    host = var.eru_upstream_host,
    ["x-request-id"] = var.eru_request_id,
    ["x-real-ip"] = var.remote_addr,
    ["x-forwarded-for"] = var.eru_forwarded_for,
    ["x-forwarded-proto"] = var.scheme,
    ["x-forwarded-host"] = var.host .. var.eru_host_port,
    connection = "close",
  }
  for name, value in pairs(ngx.req.get_headers(0)) do
    if not hop[name] and not own[name] then
      for _, one in ipairs(type(value) == "table" and value or { value }) do
        head[#head + 1] = name .. ": " .. tostring(one)
      end
    end
  end
  for name, value in pairs(own) do
    head[#head + 1] = name .. ": " .. value
  end
  if length > 0 then
    head[#head + 1] = "content-length: " .. length
  end
  return table.concat(head, "\r\n") .. "\r\n\r\n"
end

local function read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  local file = path and io.open(path, "rb")
  if file then
    body = file:read("*a")
    file:close()
  end
  return body or ""
end

-- Reads the answer to its end: an endpoint whose answer nobody takes might see it as a failure.
local function send(sock, endpoint, text)
  sock:settimeouts(connect_ms, answer_ms, answer_ms)
  if not sock:connect(endpoint.host, endpoint.port) or not sock:send(text) then
    return "failed"
  end
  local read = 0
  while read < answer_bytes_max do
    local part = sock:receiveany(65536)
    if not part then
      break
    end
    read = read + #part
  end
  return read > 0 and "sent" or "failed"
end

local function run(premature, name, text)
  local pool = not premature and view.pool(name)
  local endpoint = pool and balance.pick(pool, { now = ngx.now() })
  local outcome = "no_endpoint"
  if endpoint then
    local sock = ngx.socket.tcp()
    outcome = send(sock, endpoint, text)
    sock:close()
  end
  under_way = under_way - 1
  count(name, outcome)
end

--- Copies the request under way, whose body has been read, to a pool; `target` is its path with the query.
function _M.copy(name, target)
  if under_way >= under_way_max then
    return count(name, "busy")
  end
  local body = read_body()
  if #body > _M.body_bytes_max then
    return count(name, "too_large")
  end
  local text = head_of(ngx.var, target, #body) .. body
  if ngx.timer.at(0, run, name, text) then
    under_way = under_way + 1
  else
    count(name, "busy")
  end
end

--- Notes a request that cannot be copied because its body is passed on unread.
function _M.skip(name)
  count(name, "too_large")
end

return _M
