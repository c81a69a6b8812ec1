-- What HAProxy knows of PostgreSQL besides its role: lag, timeline, synchronous standbys.
--
-- Every node asks its own PostgreSQL (role.lua does, on the session that stands) and, once a round,
-- the other nodes' HAProxys for what they were told: a line on the role port.

local NODE = os.getenv("PAF_NODE")
local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))
local ROUND = tonumber(os.getenv("PAF_ROUND")) -- ms
local MAX_LAG_TIME = tonumber(os.getenv("PAF_MAX_LAG_TIME")) -- ms

local CONNECT_WITHIN = 1 -- s for another node to answer
local RETRY_AFTER = 10 -- s, where PostgreSQL does not answer the question
local STALE_AFTER = 3 -- rounds, then what a node told counts no more

paf = {
    EVERY = ROUND / 1000, -- s between two questions to PostgreSQL
    MAX_LAG = tonumber(os.getenv("PAF_MAX_LAG")), -- bytes; 0: no bar
    asked = 0, -- s, when PostgreSQL was asked last
    lagging = false, -- whether the local standby has been past the bar for long
    -- pg_stat_replication shows its columns to members of pg_read_all_stats alone.
    QUESTION = [[
SELECT pg_catalog.pg_is_in_recovery(),
    pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery()
        THEN coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0')
        ELSE pg_catalog.pg_current_wal_lsn() END, '0/0')::bigint,
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), '0/0')::bigint,
    CASE WHEN pg_catalog.pg_is_in_recovery()
        THEN (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver)
        ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))
            ::bit(32)::int END,
    pg_catalog.current_setting('server_version_num'),
    pg_catalog.pg_postmaster_start_time()::text,
    (SELECT CASE WHEN bool_or(state IS NULL) THEN NULL ELSE coalesce(
            pg_catalog.string_agg(application_name || '=' || sync_state, ',')
            FILTER (WHERE state = 'streaming' AND application_name ~ '^[A-Za-z0-9_.-]+$'), '') END
        FROM pg_catalog.pg_stat_replication)
]] .. "\0",
}

-- HAProxy raises an error where a socket has ended a moment ago ("not yet initialised"), and an error
-- would be the end of a task that has to ask for as long as HAProxy runs. Returns whether there was
-- none, and what the function returns.
local function outcome(fine, ...)
    if fine then
        return true, ...
    end
    core.log(core.warning, "asked once more after an error: " .. tostring((...)))
    return false
end

function paf.try(ask, ...)
    return outcome(pcall(ask, ...))
end

local own -- what the local PostgreSQL told last, or nil
local told = {} -- by node: what it told last, and when
local leader -- the node that is the primary, of those that told, or nil
local past_since -- s, since when the local standby has been past the bar, or nil

-- The names of the nodes, sorted.
function paf.nodes()
    local found = {}
    for name in pairs(core.proxies["prod"].servers) do
        if name ~= "hold" then
            found[#found + 1] = name
        end
    end
    table.sort(found)
    return found
end

-- Takes in what PostgreSQL answered: columns of text, or nil if it did not.
function paf.learn(columns)
    if not columns then
        own = nil
        paf.asked = paf.asked + RETRY_AFTER
        return
    end
    own = {
        lsn = tonumber(columns[2]),
        received = tonumber(columns[3]),
        timeline = tonumber(columns[4]),
        version = tonumber(columns[5]),
        started = columns[6],
        sync = columns[7], -- nil: we may not see it
    }
end

-- What the local PostgreSQL told: positions in bytes of WAL; {} if it is down.
function paf.own()
    return paf.role() ~= "down" and own or {}
end

-- The line that the other nodes get: role, position, timeline, synchronous standbys; "-": unknown.
function paf.tell()
    local facts = paf.own()
    local words = { paf.role(), facts.lsn or "-", facts.timeline or "-", facts.sync or "-" }
    return table.concat(words, " ") .. "\n"
end

local function parse(line)
    local role, lsn, timeline, sync = line:match("^(%l+) ([%d-]+) ([%d-]+) ([%w=,_.-]*)\n?$")
    if not role then
        return nil
    end
    local standbys = {}
    for name, state in sync:gmatch("([^=,]+)=(%l+)") do
        standbys[name] = state
    end
    return {
        role = role, lsn = tonumber(lsn), timeline = tonumber(timeline), sync = standbys,
        at = core.now().sec,
    }
end

local function inquire(server)
    local host = server:get_addr():match("^%[?(.-)%]?:%d+$")
    if not host then
        return nil -- its name has not resolved
    end
    local session = core.tcp()
    session:settimeout(CONNECT_WITHIN)
    local line
    if session:connect(host, ROLE_PORT) then
        session:send("facts\n")
        line = session:receive("*l")
    end
    session:close()
    return line and parse(line)
end

-- Whether the server of a node may have new connections, by Pacemaker's word: drained is none.
local function admitted(pool, name)
    local status = core.proxies[pool].servers[name]:get_stats()["status"]
    return not status:find("MAINT", 1, true) and not status:find("DRAIN", 1, true)
end

-- What a node told, unless that is long ago.
function paf.told(name)
    local facts = told[name]
    return facts and core.now().sec - facts.at <= STALE_AFTER * paf.EVERY and facts or nil
end

-- The node that is the primary, and what it told; nil if it is not known.
function paf.leader()
    local facts = leader and paf.told(leader)
    if facts then
        return leader, facts
    end
end

-- Bytes of WAL that a standby has to replay to be where the primary was, or nil.
function paf.lag(name)
    local _, first = paf.leader()
    local facts = paf.told(name)
    if first and facts and facts.role == "standby" and first.lsn and facts.lsn then
        return math.max(0, first.lsn - facts.lsn)
    end
end

-- The sync_state of a standby that streams from the primary (pg_stat_replication), or nil.
function paf.synchronous(name)
    local _, first = paf.leader()
    return first and first.sync[name]
end

local function judge()
    local behind = paf.lag(NODE)
    if paf.role() == "standby" and not behind then
        return -- nobody knows where the primary is: as before
    end
    if paf.MAX_LAG == 0 or not behind or behind <= paf.MAX_LAG then
        past_since = nil
        paf.lagging = false
        return
    end
    past_since = past_since or core.now().sec
    local lagging = (core.now().sec - past_since) * 1000 >= MAX_LAG_TIME
    if lagging and not paf.lagging then
        core.log(core.warning, "PostgreSQL on " .. NODE .. " lags " .. behind .. " bytes behind")
    end
    paf.lagging = lagging
end

core.register_task(function()
    while core.get_info()["Stopping"] == 0 do
        leader = nil
        for _, name in ipairs(paf.nodes()) do
            if name == NODE then
                told[name] = parse(paf.tell())
            else
                local _, facts = paf.try(inquire, core.proxies["prod"].servers[name])
                told[name] = facts or told[name]
            end
            local facts = paf.told(name)
            if facts and facts.role == "production" and admitted("prod", name) then
                leader = name
            end
        end
        judge()
        paf.publish()
        core.msleep(ROUND)
    end
end)

local function escape(character)
    if character == '"' or character == "\\" then
        return "\\" .. character
    end
    return string.format("\\u%04x", character:byte())
end

-- A text as JSON. It may come from anywhere: what is not UTF-8 becomes a question mark.
local function quote(text)
    if not utf8.len(text) then
        text = text:gsub("[\128-\255]", "?")
    end
    return '"' .. text:gsub('[%c"\\\127]', escape) .. '"'
end

-- A JSON object of names and values in their order, those that are nil left out; more: members that
-- are JSON already.
function paf.object(members, more)
    local found = {}
    for _, member in ipairs(members) do
        local name, value = member[1], member[2]
        if value ~= nil then
            local text = type(value) == "string" and quote(value) or tostring(value)
            found[#found + 1] = '"' .. name .. '": ' .. text
        end
    end
    found[#found + 1] = more
    return "{" .. table.concat(found, ", ") .. "}"
end
