-- Writes what the node knows into a map, in the form of Patroni's REST API. Each thread's copy of rest_server.lua answers
-- from that map.

local NODE = os.getenv("PAF_NODE")
local FACTS = os.getenv("PAF_FACTS")

Map.new(FACTS, Map._str)

local ROLES = { production = "primary", standby = "replica" }

-- The version of Patroni whose REST API this is. Programs such as check_patroni ask for it.
local VERSION = "4.1.5"
local SCOPE = os.getenv("PAF_SCOPE") or "paf"

local function state()
    return paf.role() ~= "down" and "running" or "stopped"
end

-- replayed_timestamp is that of the last transaction, in Patroni's form.
local function xlog(facts)
    if paf.role() == "production" then
        return paf.object({ { "location", facts.lsn } })
    end
    local at = facts.replayed and os.date("!%Y-%m-%d %H:%M:%S+00:00", math.floor(facts.replayed))
    return paf.object({
        { "received_location", facts.received or facts.lsn },
        { "replayed_location", facts.lsn },
        { "replayed_timestamp", at or nil },
        { "paused", facts.paused },
    })
end

local function itself()
    local facts = paf.own()
    local sync = paf.synchronous(NODE)
    local more = '"patroni": ' .. paf.object({ { "version", VERSION }, { "scope", SCOPE }, { "name", NODE } })
    if facts.lsn then
        more = '"xlog": ' .. xlog(facts) .. ", " .. more
    end
    return paf.object({
        { "state", state() },
        { "role", ROLES[paf.role()] },
        { "postmaster_start_time", facts.started },
        { "server_version", facts.version },
        { "timeline", facts.timeline },
        { "sync_standby", sync == "sync" and true or nil },
        { "quorum_standby", sync == "quorum" and true or nil },
        { "replication_state", sync and "streaming" },
        { "cluster_unlocked", not paf.leader() and true or nil },
        { "dcs_last_seen", core.now().sec },
    }, more)
end

local MEMBERS = { sync = "sync_standby", quorum = "quorum_standby" }

-- A position in the WAL as PostgreSQL writes it.
local function location(lsn)
    return string.format("%X/%X", lsn >> 32, lsn & 0xFFFFFFFF)
end

-- Members of a standby: its positions, and how many bytes each is behind the primary.
local function positions(facts)
    local _, first = paf.leader()
    local latest = facts.lsn and math.max(facts.lsn, facts.received or 0)
    local found = {}
    for _, one in ipairs({ { "receive_", facts.received }, { "replay_", facts.lsn }, { "", latest } }) do
        local kind, lsn = one[1], one[2]
        local lag = lsn and first and first.lsn and math.max(0, first.lsn - lsn)
        found[#found + 1] = { kind .. "lsn", lsn and location(lsn) or "unknown" }
        found[#found + 1] = { kind .. "lag", lag or "unknown" }
    end
    return found
end

local function member(name)
    local told = paf.told(name) or {}
    local leads = name == paf.leader()
    local sync = paf.synchronous(name)
    local doing = told.role == "standby" and sync and "streaming"
    local host, port = paf.address(core.proxies["prod"].servers[name])
    local found = {
        { "name", name },
        { "role", leads and "leader" or MEMBERS[sync] or "replica" },
        { "state", doing or told.role and (ROLES[told.role] and "running" or "stopped") },
        { "host", host },
        { "port", port },
        { "timeline", told.timeline },
    }
    for _, each in ipairs(leads and {} or positions(told)) do
        found[#found + 1] = each
    end
    return paf.object(found)
end

local function all()
    local found = {}
    for _, name in ipairs(paf.nodes()) do
        found[#found + 1] = member(name)
    end
    return paf.object({ { "scope", SCOPE } }, '"members": [' .. table.concat(found, ", ") .. "]")
end

-- Patroni's metrics, as far as they are known here: name and value.
local function metrics()
    local facts, role, sync = paf.own(), paf.role(), paf.synchronous(NODE)
    local standby = role == "standby"
    local function flag(value)
        return value and 1 or 0
    end
    local found = {
        { "patroni_version", "040105" },
        { "patroni_postgres_running", flag(role ~= "down") },
        { "patroni_primary", flag(role == "production") },
        { "patroni_xlog_location", role == "production" and facts.lsn or 0 },
        { "patroni_standby_leader", 0 },
        { "patroni_replica", flag(standby) },
        { "patroni_sync_standby", flag(sync == "sync") },
        { "patroni_quorum_standby", flag(sync == "quorum") },
        { "patroni_xlog_received_location", standby and facts.received or 0 },
        { "patroni_xlog_replayed_location", standby and facts.lsn or 0 },
        { "patroni_xlog_replayed_timestamp", standby and facts.replayed or 0 },
        { "patroni_xlog_paused", flag(facts.paused) },
        { "patroni_postgres_streaming", flag(standby and sync) },
        { "patroni_postgres_server_version", facts.version or 0 },
        { "patroni_cluster_unlocked", flag(not paf.leader()) },
        { "patroni_postgres_timeline", facts.timeline or 0 },
        { "patroni_dcs_last_seen", core.now().sec },
    }
    local lines = {}
    for _, each in ipairs(found) do
        local labels = string.format('{scope="%s",name="%s"}', SCOPE, NODE)
        lines[#lines + 1] = "# TYPE " .. each[1] .. " " .. (each[1]:find("_location$") and "counter" or "gauge")
        lines[#lines + 1] = each[1] .. labels .. " " .. each[2]
    end
    return table.concat(lines, "\n")
end

function paf.publish()
    core.set_map(FACTS, "role", paf.role())
    core.set_map(FACTS, "lag", tostring(paf.lag(NODE) or ""))
    core.set_map(FACTS, "receive-lag", tostring(paf.receive_lag(NODE) or ""))
    core.set_map(FACTS, "sync", paf.synchronous(NODE) or "")
    core.set_map(FACTS, "patroni", itself())
    core.set_map(FACTS, "patroni-metrics", metrics())
    core.set_map(FACTS, "cluster", all())
end
