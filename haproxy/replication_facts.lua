-- What HAProxy knows of PostgreSQL besides its role: lag, timeline, synchronous standbys.
--
-- The local PostgreSQL is asked on the session of role_probe.lua. Once per ROUND, the other nodes' HAProxys are asked on
-- the role port for what their PostgreSQL has told.

local NODE = os.getenv("PAF_NODE")
local ROUND = tonumber(os.getenv("PAF_ROUND")) -- ms
local MAX_LAG_TIME = tonumber(os.getenv("PAF_MAX_LAG_TIME")) -- ms

local ANSWER_WITHIN = 1 -- s for another node
local RETRY_AFTER = 10 -- s, if PostgreSQL does not answer the question
local FACTS = "facts more" -- the question; an older agent takes it for "facts"
local STALE_AFTER = 3 -- rounds; then the answer of a node is no longer used

paf.EVERY = ROUND / 1000 -- s between two questions to PostgreSQL
paf.MAX_LAG = tonumber(os.getenv("PAF_MAX_LAG")) -- bytes; 0: no limit
paf.asked = 0 -- s, when PostgreSQL was asked last
paf.lagging = false -- whether the local standby has been over the limit for MAX_LAG_TIME
-- Only members of pg_read_all_stats see the columns of pg_stat_replication.
paf.QUESTION = [[
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
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() END,
    extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()),
    (SELECT CASE WHEN bool_or(state IS NULL) THEN NULL ELSE coalesce(
            pg_catalog.string_agg(application_name || '=' || sync_state, ',')
            FILTER (WHERE state = 'streaming' AND application_name ~ '^[A-Za-z0-9_.-]+$'), '') END
        FROM pg_catalog.pg_stat_replication)
]]

local own -- the last answer of the local PostgreSQL, or nil
local told = {} -- by node: its last answer, and when it came
local leader -- the node whose answer says that it is the primary, or nil
local past_since -- s, since when the local standby has been over the limit, or nil

-- PostgreSQL is asked now.
function paf.note_question()
    paf.asked = core.now().sec
end

-- Takes in PostgreSQL's answer: columns of text, or nil without an answer.
function paf.learn_facts(columns)
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
        paused = columns[7] and columns[7] == "t",
        replayed = tonumber(columns[8]), -- s of the epoch, when the last replayed transaction was committed
        sync = columns[9], -- nil: the role has no right to see it
    }
end

-- The last answer of the local PostgreSQL, with positions in bytes of WAL; {} if it is down.
function paf.own()
    return paf.role() ~= "down" and own or {}
end

-- The line that the other nodes get: role, position, timeline, synchronous standbys; "-": unknown.
-- more: whether the asker also takes the position that was received.
function paf.tell(more)
    local facts = paf.own()
    local words = { paf.role(), facts.lsn or "-", facts.timeline or "-", facts.sync or "-" }
    if more then
        words[#words + 1] = facts.received or "-"
    end
    return table.concat(words, " ") .. "\n"
end

-- An integer, or nil: what another node tells may be anything.
local function integer(text)
    local number = tonumber(text)
    return number and math.type(number) == "integer" and number or nil
end

local function parse(line)
    local role, lsn, timeline, sync, received =
        line:match("^(%l+) ([%d-]+) ([%d-]+) ([%w=,_.-]*) ?([%d-]*)\n?$")
    if not role then
        return nil
    end
    local standbys = {}
    for name, state in sync:gmatch("([^=,]+)=(%l+)") do
        standbys[name] = state
    end
    return {
        role = role, lsn = integer(lsn), timeline = integer(timeline), sync = standbys,
        received = integer(received), at = core.now().sec,
    }
end

-- Whether the agent lets the server of a node have new connections; a drained server gets none.
local function admitted(pool, name)
    local status = core.proxies[pool].servers[name]:get_stats()["status"]
    return not status:find("MAINT", 1, true) and not status:find("DRAIN", 1, true)
end

-- The last answer of a node; nil if it is too old.
function paf.told(name)
    local facts = told[name]
    return facts and core.now().sec - facts.at <= STALE_AFTER * paf.EVERY and facts or nil
end

-- The node that is the primary, and its answer; nil if it is not known.
function paf.leader()
    local facts = leader and paf.told(leader)
    if facts then
        return leader, facts
    end
end

-- How many bytes of WAL a position of a standby is behind the one that the primary told last; nil if not known.
local function behind(name, position)
    local _, first = paf.leader()
    local facts = paf.told(name)
    if first and facts and facts.role == "standby" and first.lsn and facts[position] then
        return math.max(0, first.lsn - facts[position])
    end
end

-- Bytes of WAL that a standby must still replay.
function paf.lag(name)
    return behind(name, "lsn")
end

-- Bytes of WAL that a standby must still receive.
function paf.receive_lag(name)
    return behind(name, "received")
end

-- The sync_state of a standby that streams from the primary (pg_stat_replication), or nil.
function paf.synchronous(name)
    local _, first = paf.leader()
    return first and first.sync[name]
end

local function judge()
    local lag = paf.lag(NODE)
    if paf.role() == "standby" and not lag then
        return -- the lag is not known: nothing changes
    end
    if paf.MAX_LAG == 0 or not lag or lag <= paf.MAX_LAG then
        past_since = nil
        paf.lagging = false
        return
    end
    past_since = past_since or core.now().sec
    local lagging = (core.now().sec - past_since) * 1000 >= MAX_LAG_TIME
    if lagging and not paf.lagging then
        core.log(core.warning, "PostgreSQL on " .. NODE .. " lags " .. lag .. " bytes behind, more than max_lag:"
            .. " it gets no new readers")
    end
    paf.lagging = lagging
end

core.register_task(function()
    while not paf.stopping() do
        leader = nil
        for _, name in ipairs(paf.nodes()) do
            if name == NODE then
                told[name] = parse(paf.tell(true))
            else
                local _, line = paf.try(paf.ask_node, core.proxies["prod"].servers[name], FACTS, ANSWER_WITHIN)
                told[name] = line and parse(line) or told[name]
            end
            local facts = paf.told(name)
            if facts and facts.role == "production" and admitted("prod", name) then
                leader = name
            end
        end
        paf.try(judge)
        paf.try(paf.publish)
        core.msleep(ROUND)
    end
end)
