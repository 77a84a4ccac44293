-- Counters of this worker, added to shared memory once a second. Labels are names from the table only: what a client
-- sends never becomes a label.
local _M = {}

local dict = ngx.shared.eru_metrics
local bounds = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
local counters, durations = {}, {}

local help = {
  eru_elb_requests_total = "Requests answered, by route, pool and status.",
  eru_elb_retries_total = "Requests sent to a further endpoint because one failed.",
  eru_elb_connect_failures_total = "Endpoints that could not be connected to.",
  eru_elb_ejections_total = "Times a worker left an endpoint out after repeated connect failures.",
  eru_elb_refused_total = "Requests that no endpoint answered, by reason.",
}

--- Adds one to a counter; `labels` is Prometheus text without braces.
function _M.count(name, labels)
  local of_name = counters[name] or {}
  counters[name] = of_name
  of_name[labels] = (of_name[labels] or 0) + 1
end

--- Notes a finished request.
function _M.observe(route, pool, status, seconds)
  local labels = 'route="' .. route .. '",pool="' .. pool .. '"'
  _M.count("eru_elb_requests_total", labels .. ',status="' .. status .. '"')
  local duration = durations[labels]
  if not duration then
    duration = { sum = 0 }
    durations[labels] = duration
  end
  local bucket = #bounds + 1
  while bucket > 1 and seconds <= bounds[bucket - 1] do
    bucket = bucket - 1
  end
  duration[bucket] = (duration[bucket] or 0) + 1
  duration.sum = duration.sum + seconds
end

--- Adds this worker's counts to the shared ones: `c|<name>|<labels>` and `d|<bucket>|<labels>`.
function _M.flush()
  for name, of_name in pairs(counters) do
    for labels, amount in pairs(of_name) do
      dict:incr("c|" .. name .. "|" .. labels, amount, 0)
    end
  end
  for labels, duration in pairs(durations) do
    for bucket, amount in pairs(duration) do
      dict:incr("d|" .. bucket .. "|" .. labels, amount, 0)
    end
  end
  counters, durations = {}, {}
end

local function render_counter(out, described, name, labels, value)
  if not described[name] then
    described[name] = true
    out[#out + 1] = "# HELP " .. name .. " " .. help[name]
    out[#out + 1] = "# TYPE " .. name .. " counter"
  end
  out[#out + 1] = name .. "{" .. labels .. "} " .. value
end

local function render_durations(out, by_labels)
  out[#out + 1] = "# HELP eru_elb_request_seconds Time from the first byte of a request to the last of its answer."
  out[#out + 1] = "# TYPE eru_elb_request_seconds histogram"
  for labels, duration in pairs(by_labels) do
    local sum = 0
    for bucket = 1, #bounds + 1 do
      sum = sum + (duration[tostring(bucket)] or 0)
      local bound = bounds[bucket] or "+Inf"
      out[#out + 1] = "eru_elb_request_seconds_bucket{" .. labels .. ',le="' .. bound .. '"} ' .. sum
    end
    out[#out + 1] = "eru_elb_request_seconds_sum{" .. labels .. "} " .. (duration.sum or 0)
    out[#out + 1] = "eru_elb_request_seconds_count{" .. labels .. "} " .. sum
  end
end

--- All counters and the given gauges ({name, help, value}) as Prometheus text.
function _M.render(gauges)
  local out, described, by_labels = {}, {}, {}
  local names = dict:get_keys(0)
  table.sort(names)
  for _, name in ipairs(names) do
    local kind, what, labels = name:match("^(%l)|([^|]+)|(.*)$")
    local value = dict:get(name) or 0
    if kind == "c" then
      render_counter(out, described, what, labels, value)
    else
      by_labels[labels] = by_labels[labels] or {}
      by_labels[labels][what] = value
    end
  end
  render_durations(out, by_labels)
  for _, gauge in ipairs(gauges) do
    out[#out + 1] = "# HELP " .. gauge[1] .. " " .. gauge[2]
    out[#out + 1] = "# TYPE " .. gauge[1] .. " gauge"
    out[#out + 1] = gauge[1] .. " " .. gauge[3]
  end
  return table.concat(out, "\n") .. "\n"
end

return _M
