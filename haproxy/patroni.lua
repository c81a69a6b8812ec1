-- Writes what the node knows into a map, in the form of Patroni's REST API. Each thread's copy of publish.lua answers
-- from that map.

local NODE = os.getenv("PAF_NODE")
local FACTS = os.getenv("PAF_FACTS")

Map.new(FACTS, Map._str)

local ROLES = { production = "primary", standby = "replica" }

local function xlog(facts)
    if paf.role() == "production" then
        return paf.object({ { "location", facts.lsn } })
    end
    return paf.object({ { "received_location", facts.received }, { "replayed_location", facts.lsn } })
end

local function itself()
    local facts = paf.own()
    local state = paf.synchronous(NODE)
    local more = '"patroni": ' .. paf.object({ { "name", NODE } })
    if facts.lsn then
        more = '"xlog": ' .. xlog(facts) .. ", " .. more
    end
    return paf.object({
        { "state", paf.role() ~= "down" and "running" or "stopped" },
        { "role", ROLES[paf.role()] },
        { "postmaster_start_time", facts.started },
        { "server_version", facts.version },
        { "timeline", facts.timeline },
        { "sync_standby", state == "sync" and true or nil },
        { "quorum_standby", state == "quorum" and true or nil },
        { "replication_state", state and "streaming" },
    }, more)
end

local MEMBERS = { sync = "sync_standby", quorum = "quorum_standby" }

local function member(name)
    local told = paf.told(name) or {}
    local leads = name == paf.leader()
    local state = paf.synchronous(name)
    local doing = told.role == "standby" and state and "streaming"
    local server = core.proxies["prod"].servers[name]
    local host, port = paf.address(server)
    return paf.object({
        { "name", name },
        { "role", leads and "leader" or MEMBERS[state] or "replica" },
        { "state", doing or told.role and (ROLES[told.role] and "running" or "stopped") },
        { "host", host },
        { "port", port },
        { "timeline", told.timeline },
        { "lag", not leads and paf.lag(name) or nil },
    })
end

local function all()
    local found = {}
    for _, name in ipairs(paf.nodes()) do
        found[#found + 1] = member(name)
    end
    return '{"members": [' .. table.concat(found, ", ") .. "]}"
end

function paf.publish()
    core.set_map(FACTS, "role", paf.role())
    core.set_map(FACTS, "lag", tostring(paf.lag(NODE) or ""))
    core.set_map(FACTS, "sync", paf.synchronous(NODE) or "")
    core.set_map(FACTS, "patroni", itself())
    core.set_map(FACTS, "cluster", all())
end
