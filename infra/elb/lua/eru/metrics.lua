-- Counters of this worker, added to shared memory once a second. Labels are names from the table only: what a client
-- sends never becomes a label. Their number is bounded: what comes above that is counted under `_other`.
local _M = {}

local dict = ngx.shared.eru_metrics
local bounds = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
-- The bucket of a time by its milliseconds, so that nobody has to search for it.
local bucket_by_ms = {}
local bucketed_ms = bounds[#bounds] * 1000
for ms = 0, bucketed_ms do
  local bucket = 1
  while ms / 1000 > bounds[bucket] do
    bucket = bucket + 1
  end
  bucket_by_ms[ms] = bucket
end
local classes_max = 10
local sets_max = 1000
local other = 'host="_other",rule="_other",pool="_other"'

local counters, known = {}, {}
-- The series that counted since the last flush.
local counting, unmatched = {}, {}

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

local function zero(series)
  for slot = 1, classes_max + #bounds + 1 do
    series[slot] = 0
  end
  series.sum_s, series.counts = 0, false
end

--- Counts the finished requests of a rule that went to a pool. There may be several of the same name.
function _M.series(host, rule, pool)
  local series = { host = host, rule = rule, pool = pool }
  zero(series)
  return series
end

--- The same for what no rule took. Names of hosts come and go, so these are kept until the next flush only.
function _M.unmatched(host)
  local series = unmatched[host]
  if not series then
    series = _M.series(host, "", "")
    unmatched[host] = series
  end
  return series
end

--- Notes a finished request.
function _M.observe(series, status, seconds)
  if not series.counts then
    series.counts = true
    counting[#counting + 1] = series
  end
  local class = status / 100
  class = class - class % 1 + 1
  series[class] = series[class] + 1
  local ms = seconds > 0 and seconds * 1000 + 0.5 or 0 -- Clocks may be set back.
  local slot = classes_max + (bucket_by_ms[ms - ms % 1] or #bounds + 1)
  series[slot] = series[slot] + 1
  series.sum_s = series.sum_s + seconds
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

local function flush_series(series)
  local labels = admit(
    string.format(
      'host="%s",rule="%s",pool="%s"',
      _M.escape(series.host),
      _M.escape(series.rule),
      _M.escape(series.pool)
    )
  )
  for slot = 1, #series do
    local amount = series[slot]
    if amount > 0 and slot > classes_max then
      add("d|" .. slot - classes_max .. "|" .. labels, amount)
    elseif amount > 0 then
      add("c|eru_elb_requests_total|" .. labels .. ',class="' .. slot - 1 .. 'xx"', amount)
    end
  end
  add("d|sum|" .. labels, series.sum_s)
end

--- Adds this worker's counts to the shared ones: `c|<name>|<labels>` and `d|<bucket>|<labels>`.
function _M.flush()
  for name, of_name in pairs(counters) do
    for labels, amount in pairs(of_name) do
      add("c|" .. name .. "|" .. labels, amount)
    end
  end
  counters = {}
  for at, series in ipairs(counting) do
    flush_series(series)
    zero(series)
    counting[at] = nil
  end
  unmatched = {}
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
