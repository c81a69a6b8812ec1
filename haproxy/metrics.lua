-- For people and for Prometheus: what this HAProxy knows, and what the agent has counted.

local NODE = os.getenv("PAF_NODE")
local ROLE_FILE = os.getenv("PAF_ROLE_FILE")
local REJECTED = os.getenv("PAF_REJECTED_FILE") -- exists while HAProxy runs with an older configuration
local known = false -- whether there has been a primary
local unserved -- s, since when prod has served nobody, or nil
local began -- s, since when a transition has been under way, or nil
local ended = 0 -- s, when the last one did; 0: none yet
local lasted = 0 -- s, how long the last one was
local transitions = 0

local function stats(pool, name)
    return core.proxies[pool].servers[name]:get_stats()
end

local function served()
    for _, name in ipairs(paf.nodes()) do
        if stats("prod", name)["status"]:find("^UP") then
            return true
        end
    end
    return false
end

-- The agent's counters, from its role file. It is short and in memory, so reading it does not block HAProxy.
local function counted()
    local found = {}
    for key, value in paf.read_file(ROLE_FILE):gmatch("(%l+)=(%d+)\n") do
        found[key] = value
    end
    return found
end

-- The rejected configuration and the reason, or nil.
local function rejected()
    local text = paf.read_file(REJECTED):gsub("%s+$", "")
    return text ~= "" and text or nil
end

-- Measures how long there is no primary for new connections. role_probe.lua calls it several times per second.
function paf.watch()
    if served() then
        if began then
            ended, transitions = paf.seconds(), transitions + 1
            lasted = ended - began
            began = nil
        end
        known, unserved = true, nil
        return
    end
    unserved = unserved or paf.seconds()
    began = began or known and unserved or nil
    paf.look_for_change(unserved)
end

local function held()
    return core.proxies["prod"]:get_stats()["qcur"]
end

-- Adds a metric in Prometheus's text format. samples: values by label, or one value without a label.
local function metric(lines, name, kind, help, samples)
    name = "paf_haproxy_" .. name
    lines[#lines + 1] = "# HELP " .. name .. " " .. help
    lines[#lines + 1] = "# TYPE " .. name .. " " .. kind
    if type(samples) ~= "table" then
        samples = { [""] = samples }
    end
    local labels = {}
    for label in pairs(samples) do
        labels[#labels + 1] = label
    end
    table.sort(labels)
    for _, label in ipairs(labels) do
        lines[#lines + 1] = name .. label .. " " .. samples[label]
    end
end

local function metrics()
    local lines, roles, lags, counts = {}, {}, {}, counted()
    local _, code = paf.unknown()
    for _, role in ipairs({ "production", "standby", "down", "unknown" }) do
        roles['{role="' .. role .. '"}'] = paf.role() == role and 1 or 0
    end
    for _, name in ipairs(paf.nodes()) do
        lags['{standby="' .. name .. '"}'] = paf.lag(name)
    end
    metric(lines, "role", "gauge", "Role of PostgreSQL on this node.", roles)
    metric(lines, "role_unknown", "gauge", "Whether PostgreSQL does not tell its role, by SQLSTATE or reason.",
        { ['{reason="' .. (code or "") .. '"}'] = code and 1 or 0 })
    metric(lines, "silent_nodes", "gauge", "Nodes whose HAProxy does not answer this one.", #paf.silent())
    metric(lines, "configuration_rejected", "gauge",
        "Whether HAProxy runs with the last valid configuration because a newer one was rejected.",
        rejected() and 1 or 0)
    metric(lines, "role_changed_timestamp_seconds", "gauge", "When the role changed last.", paf.changed())
    metric(lines, "timeline", "gauge", "PostgreSQL's timeline.", paf.own().timeline or {})
    metric(lines, "lag_bytes", "gauge", "WAL that a standby must still replay.", lags)
    metric(lines, "lagging", "gauge", "Whether the standby on this node is past max_lag.",
        paf.lagging and 1 or 0)
    metric(lines, "held_connections", "gauge", "Connections to prod that wait for a primary.", held())
    metric(lines, "notifications_total", "counter", "Notifications that changed the view.",
        counts["notified"] or 0)
    metric(lines, "drift_repaired_total", "counter",
        "Times that the agent had to repair the servers or to restart HAProxy.",
        counts["repaired"] or 0)
    metric(lines, "transitions_total", "counter", "Times that new connections had no primary and got one again.",
        transitions)
    metric(lines, "transition_seconds", "gauge",
        "How long there was no primary for new connections in the last transition.", lasted)
    metric(lines, "transition_timestamp_seconds", "gauge", "When the last transition ended; 0: none yet.",
        ended)
    return table.concat(lines, "\n") .. "\n"
end

core.register_service("metrics", "http", function(applet)
    local body = metrics()
    applet:set_status(200)
    applet:add_header("content-type", "text/plain; version=0.0.4")
    applet:add_header("content-length", tostring(#body))
    applet:start_response()
    applet:send(body)
end)

-- What this HAProxy knows, in JSON, for `paf-haproxy status` on any node.
function paf.view()
    local servers = {}
    for _, pool in ipairs({ "prod", "stdby" }) do
        for _, name in ipairs(paf.nodes()) do
            local found = stats(pool, name)
            servers[#servers + 1] = paf.object({
                { "pool", pool },
                { "node", name },
                { "status", found["status"] },
                { "check", found["check_status"] },
                { "agent", found["agent_status"] },
                { "seconds", found["lastchg"] },
                { "sessions", found["scur"] },
            })
        end
    end
    local facts = paf.own()
    return paf.object({
        { "node", NODE },
        { "role", paf.role() },
        { "seconds", math.floor(paf.seconds() - paf.changed()) },
        { "timeline", facts.timeline },
        { "lsn", facts.lsn },
        { "lag", paf.lag(NODE) },
        { "lagging", paf.lagging },
        { "probation", paf.on_probation() },
        { "sync", facts.sync },
        { "held", held() },
        { "unknown", paf.unknown() or nil },
        { "silent", table.concat(paf.silent(), " ") },
        { "rejected", rejected() },
    }, '"servers": [' .. table.concat(servers, ", ") .. "]") .. "\n"
end
