-- For people and for Prometheus: what this HAProxy believes, and what the agent told it.

local NODE = os.getenv("PAF_NODE")
local ROLE_FILE = os.getenv("PAF_ROLE_FILE")
local REJECTED = os.getenv("PAF_REJECTED_FILE") -- there while HAProxy runs with an older configuration
local known = false -- whether there has been a primary
local began -- s, since when a transition has been under way, or nil
local ended = 0 -- s, when the last one did; 0: none yet
local lasted = 0 -- s, how long the last one was
local transitions = 0

local function now()
    local at = core.now()
    return at.sec + at.usec / 1000000
end

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

-- What the agent counted, in its role file. A file in memory, of some lines: nothing waits for it.
local function counted()
    local found = {}
    local file = io.open(ROLE_FILE)
    if file then
        for key, value in file:read("a"):gmatch("(%l+)=(%d+)\n") do
            found[key] = value
        end
        file:close()
    end
    return found
end

-- The configuration that was rejected and why, or nil.
local function rejected()
    local text = paf.read_file(REJECTED):gsub("%s+$", "")
    return text ~= "" and text or nil
end

-- How long there is no primary for new connections. role.lua calls it after each answer of
-- PostgreSQL's, so some times a second.
function paf.watch()
    if served() then
        if began then
            lasted, ended, transitions = now() - began, now(), transitions + 1
            began = nil
        end
        known = true
    elseif known and not began then
        began = now()
    end
end

local function held()
    return core.proxies["prod"]:get_stats()["qcur"]
end

-- One metric in Prometheus's text format: its samples by label, or one without.
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
    metric(lines, "role", "gauge", "What PostgreSQL on this node says that it is.", roles)
    metric(lines, "role_unknown", "gauge", "Whether PostgreSQL does not tell its role, by SQLSTATE or reason.",
        { ['{reason="' .. (code or "") .. '"}'] = code and 1 or 0 })
    metric(lines, "silent_nodes", "gauge", "Nodes whose HAProxy does not answer this one.", #paf.silent())
    metric(lines, "configuration_rejected", "gauge",
        "Whether HAProxy runs with the last valid configuration because a newer one was rejected.",
        rejected() and 1 or 0)
    metric(lines, "role_changed_timestamp_seconds", "gauge", "When that changed last.", paf.changed())
    metric(lines, "timeline", "gauge", "PostgreSQL's timeline.", paf.own().timeline or {})
    metric(lines, "lag_bytes", "gauge", "WAL that a standby has to replay yet.", lags)
    metric(lines, "lagging", "gauge", "Whether the standby on this node is past max_lag.",
        paf.lagging and 1 or 0)
    metric(lines, "held_connections", "gauge", "Connections to prod that wait for a primary.", held())
    metric(lines, "notifications_total", "counter", "Notifications that changed the view.",
        counts["notified"] or 0)
    metric(lines, "drift_repaired_total", "counter", "Monitors that had to mend the servers or start HAProxy anew.",
        counts["repaired"] or 0)
    metric(lines, "transitions_total", "counter", "Changes of primary that new connections met.",
        transitions)
    metric(lines, "transition_seconds", "gauge",
        "How long there was no primary for new connections in the last one.", lasted)
    metric(lines, "transition_timestamp_seconds", "gauge", "When the last one ended; 0: none yet.",
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

-- What this HAProxy believes, in JSON: for `paf-haproxy status` on any node.
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
        { "seconds", math.floor(now() - paf.changed()) },
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
