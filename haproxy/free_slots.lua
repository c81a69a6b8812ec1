-- How many connections the local primary still takes, granted to the HAProxys that ask on the role port (queue_release.lua).

local SLOTS_WITHIN = 1 -- s for an answer of PostgreSQL
local FRESH = 0.03 -- s for which an answer of PostgreSQL is used
local ROUND = 2 -- ms between two looks whether the answer to another HAProxy's question has come
local REMEMBERED = 1 -- s for which the connections that a node has reported are counted

-- The free connection slots for ordinary users, and the number of connections from each address.
local QUESTION = [[
SELECT pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int
    - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0)
    - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)::int,
    (SELECT pg_catalog.string_agg(pg_catalog.host(client_addr) || '=' || many, ' ') FROM (
        SELECT client_addr, count(*) AS many FROM pg_catalog.pg_stat_activity
        WHERE client_addr IS NOT NULL AND backend_type = 'client backend' GROUP BY client_addr) AS found)
]]

local slots, looked = nil, 0 -- PostgreSQL's last answer, and when it came
local asked = 0 -- s, since when PostgreSQL has been asked; 0: no question is under way
local askers = {} -- by node: its address, the connections that it has or was granted, and when it asked

-- Asks on a session of its own, which takes a slot itself. Returns nil if the answer is not known.
local function ask()
    local session, why = paf.session.open(SLOTS_WITHIN)
    if not session then
        return why.code == "53300" and { free = 0, from = {} } or nil
    end
    session:settimeout(SLOTS_WITHIN)
    local row = paf.protocol.query(session, QUESTION)
    session:close()
    local free = row and tonumber(row[1])
    if not free then
        return nil
    end
    local from = {}
    for address, many in (row[2] or ""):gmatch("(%S+)=(%d+)") do
        from[address] = tonumber(many)
    end
    return { free = free, from = from }
end

-- How many connections PostgreSQL does not count yet, because they have not logged in: those that the nodes have
-- reported, minus those that PostgreSQL has from their address. Several nodes may have the same address.
local function unseen(now)
    local told, hidden = {}, 0
    for _, asker in pairs(askers) do
        if now - asker.at <= REMEMBERED then
            told[asker.address] = (told[asker.address] or 0) + asker.connections
        end
    end
    for address, connections in pairs(told) do
        hidden = hidden + math.max(0, connections - (slots.from[address] or 0))
    end
    return hidden
end

-- The answer to "slots NODE CONNECTIONS WAITING" from an address: how many more connections the node may let through to
-- the local PostgreSQL; nil if that is not known. It is half of the free slots: other nodes ask as well, and have let
-- through FIRST connections before they asked.
function paf.grant(question, address)
    local name, connections, waiting = question:match("^slots (%S+) (%d+) (%d+)")
    if not name or paf.role() ~= "production" then
        return nil
    end
    -- If a question is under way for another node, its answer is used here, too. The wait has a limit: HAProxy ends the
    -- service of a node that has disconnected, in the middle of its question.
    while asked > 0 and math.abs(paf.seconds() - asked) < SLOTS_WITHIN do
        core.msleep(ROUND)
    end
    if math.abs(paf.seconds() - looked) > FRESH then
        asked = paf.seconds()
        local _, answer = paf.try(ask)
        slots, looked, asked = answer, paf.seconds(), 0
    end
    local now = paf.seconds()
    if not slots then
        return nil
    end
    address = address:gsub("^::ffff:", "")
    local asker = { address = address, connections = tonumber(connections) + paf.FIRST, at = now }
    askers[name] = asker
    local free = slots.free - unseen(now)
    local granted = math.max(0, math.min(tonumber(waiting), math.ceil(free / 2)))
    asker.connections = asker.connections + granted
    return granted
end
