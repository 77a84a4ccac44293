-- Headers that rules must leave alone: those of one hop, those that frame a message, and those this load balancer vouches
-- for. A rule that could set them could smuggle requests or lie about clients.
local _M = {}

local function set(...)
  local names = {}
  for _, name in ipairs({ ... }) do
    names[name] = true
  end
  return names
end

--- Of requests. `Host` is changed by `rewrite.host`.
_M.of_request = set(
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id"
)

--- Of answers.
_M.of_response = set(
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "proxy-connection",
  "server",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "x-request-id"
)

return _M
