-- Counters of this worker, added to shared memory once a second. Labels are names from the table only: what a client
-- sends never becomes a label. Their number is bounded: what comes above that is counted under `_other`.
local _M = {}

local dict = ngx.shared.eru_metrics
local bounds = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
local bounds_count = #bounds
local sets_max = 1000
local other = 'host="_other",rule="_other",pool="_other"'

local counters, series, known = {}, {}, {}

local help = {
  eru_elb_requests_total = "Requests answered, by host, rule, pool and class of the status.",
  eru_elb_retries_total = "Requests sent to a further endpoint because one failed.",
  eru_elb_connect_failures_total = "Endpoints that could not be connected to.",
  eru_elb_endpoint_failures_total = "Answers of endpoints that count as failures, by what failed.",
  eru_elb_ejections_total = "Times an endpoint was left out after repeated failures.",
  eru_elb_regex_failures_total = "Times a pattern exceeded what it may cost and counted as no match, by route and rule.",
  eru_elb_mirrored_total = "Copies of requests, by the pool they were for and what became of them.",
  eru_elb_refused_total = "Requests that no endpoint answered, by reason.",
  eru_elb_limited_total = "Requests refused by a limit of their rule.",
  eru_elb_limits_evicted_total = "Buckets of rate limits that went for want of memory: their clients started anew.",
  eru_elb_checks_total = "Active checks of endpoints, by result.",
  eru_elb_checks_dropped_total = "Pools whose checks found no room in shared memory.",
  eru_elb_lost_total = "Counts that found no room in shared memory.",
}

--- A label's value as Prometheus reads it.
function _M.escape(value)
  return (value:gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }))
end

--- Adds one to a counter; `labels` is Prometheus text without braces.
function _M.count(name, labels)
  local of_name = counters[name] or {}
  counters[name] = of_name
  of_name[labels] = (of_name[labels] or 0) + 1
end

local function child(parent, name)
  local found = parent[name]
  if not found then
    found = {}
    parent[name] = found
  end
  return found
end

--- Notes a finished request.
function _M.observe(host, rule, pool, status, seconds)
  local of = child(child(child(series, host), rule), pool)
  local class = math.floor(status / 100)
  of[class] = (of[class] or 0) + 1
  local bucket = 1
  while bucket <= bounds_count and seconds > bounds[bucket] do
    bucket = bucket + 1
  end
  of[10 + bucket] = (of[10 + bucket] or 0) + 1
  of.sum = (of.sum or 0) + seconds
end

local function add(name, amount)
  local _, err, forced = dict:incr(name, amount, 0)
  if err or forced then
    dict:incr("c|eru_elb_lost_total|", 1, 0)
  end
end

-- The labels of a set, or those of `_other` when there are too many.
local function admit(labels)
  if known[labels] then
    return labels
  end
  if not dict:get("s|" .. labels) then
    if (dict:get("sets") or 0) >= sets_max then
      return other
    end
    dict:incr("sets", 1, 0)
    dict:safe_set("s|" .. labels, 1)
  end
  known[labels] = true
  return labels
end

local function flush_set(labels, of)
  for what, amount in pairs(of) do
    if what == "sum" then
      add("d|sum|" .. labels, amount)
    elseif what > 10 then
      add("d|" .. what - 10 .. "|" .. labels, amount)
    else
      add("c|eru_elb_requests_total|" .. labels .. ',class="' .. what .. 'xx"', amount)
    end
  end
end

--- Adds this worker's counts to the shared ones: `c|<name>|<labels>` and `d|<bucket>|<labels>`.
function _M.flush()
  for name, of_name in pairs(counters) do
    for labels, amount in pairs(of_name) do
      add("c|" .. name .. "|" .. labels, amount)
    end
  end
  for host, by_rule in pairs(series) do
    for rule, by_pool in pairs(by_rule) do
      for pool, of in pairs(by_pool) do
        local labels = string.format(
          'host="%s",rule="%s",pool="%s"',
          _M.escape(host),
          _M.escape(rule),
          _M.escape(pool)
        )
        flush_set(admit(labels), of)
      end
    end
  end
  counters, series = {}, {}
end

local function braces(labels)
  return labels == "" and "" or "{" .. labels .. "}"
end

local function describe(out, described, name, text, kind)
  if not described[name] then
    described[name] = true
    out[#out + 1] = "# HELP " .. name .. " " .. text
    out[#out + 1] = "# TYPE " .. name .. " " .. kind
  end
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

--- All counters and the given gauges ({name, help, value, labels}, those of a name together) as Prometheus text.
function _M.render(gauges)
  local out, described, by_labels = {}, {}, {}
  local names = dict:get_keys(0)
  table.sort(names)
  for _, name in ipairs(names) do
    local kind, what, labels = name:match("^(%l)|([^|]+)|(.*)$")
    local value = kind and dict:get(name) or 0
    if kind == "c" then
      describe(out, described, what, help[what], "counter")
      out[#out + 1] = what .. braces(labels) .. " " .. value
    elseif kind == "d" then
      by_labels[labels] = by_labels[labels] or {}
      by_labels[labels][what] = value
    end
  end
  render_durations(out, by_labels)
  for _, gauge in ipairs(gauges) do
    describe(out, described, gauge[1], gauge[2], "gauge")
    out[#out + 1] = gauge[1] .. braces(gauge[4] or "") .. " " .. gauge[3]
  end
  return table.concat(out, "\n") .. "\n"
end

return _M
