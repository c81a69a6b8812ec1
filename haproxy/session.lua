-- One session to the local PostgreSQL, over its Unix socket, in its own protocol: HAProxy's Lua knows
-- no library for that.

local NODE = os.getenv("PAF_NODE")
local ADDRESS = os.getenv("PAF_PGSOCKET")

local PATIENCE = 0.5 -- s for an answer, then another session is tried
local ARMED_PATIENCE = 0.1 -- s, the same on a session that stands: a promotion must not wait for it

local SSL_NEVER_PROTOCOL_3 = 196608
local TOO_MANY_CONNECTIONS = "53300" -- it answers, and its role is what it was
local STARTUP = "user\0" .. os.getenv("PAF_PGUSER")
    .. "\0database\0" .. os.getenv("PAF_PGDATABASE")
    .. "\0application_name\0paf-haproxy\0\0"
local QUESTION = "SELECT pg_catalog.pg_is_in_recovery()\0"
-- The same, answered a moment later: PostgreSQL does the waiting.
local LATER = "SELECT pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_sleep(0.2)\0"

-- Messages of PostgreSQL's protocol 3.0 (PostgreSQL documentation, "Message Formats").

local function send(session, kind, body)
    session:send(kind .. string.pack(">I4", #body + 4) .. body)
end

-- Why nothing came. HAProxy itself calls it closed, too, when the patience is at its end.
local function reason(began, patience, why)
    local now = core.now()
    local waited = now.sec - began.sec + (now.usec - began.usec) / 1000000
    return waited > patience / 2 and "timeout" or why
end

-- Reads up to ReadyForQuery, with so much patience for each part; returns the messages by their
-- type, or nil and the SQLSTATE or reason.
local function read(session, patience)
    session:settimeout(patience)
    local messages = {}
    local began = core.now()
    while true do
        local header, why = session:receive(5)
        if not header or #header < 5 then
            return nil, reason(began, patience, why)
        end
        local kind, length = string.unpack(">c1I4", header)
        local body = ""
        if length > 4 then
            body, why = session:receive(length - 4)
        end
        if not body then
            return nil, reason(began, patience, why)
        end
        if kind == "E" then
            return nil, body:match("C(%w%w%w%w%w)\0") or "error"
        end
        messages[kind] = body
        if kind == "Z" then
            return messages
        end
    end
end

local function open()
    local session = core.tcp()
    session:settimeout(PATIENCE)
    if not session:connect(ADDRESS) then
        session:close()
        return nil, "closed"
    end
    send(session, "", string.pack(">I4", SSL_NEVER_PROTOCOL_3) .. STARTUP)
    local ready, why = read(session, PATIENCE)
    if not ready then
        session:close()
        return nil, why
    end
    return session
end

local function ask(session, question, patience)
    send(session, "Q", question)
    local answer, why = read(session, patience)
    if not answer or not answer["D"] then
        return nil, why
    end
    return answer["D"]:sub(-1) == "t" and "standby" or "production"
end

-- The columns of a DataRow as text, nil for a NULL.
local function columns(body)
    local found = {}
    local count, at = string.unpack(">I2", body)
    for number = 1, count do
        local length
        length, at = string.unpack(">i4", body, at)
        if length >= 0 then
            found[number] = body:sub(at, at + length - 1)
            at = at + length
        end
    end
    return found
end

-- What only facts.lua needs, on a session that stands. Returns whether that is still of use.
local function ask_facts(session)
    paf.asked = core.now().sec
    send(session, "Q", paf.QUESTION)
    local answer = read(session, PATIENCE)
    paf.learn(answer and answer["D"] and columns(answer["D"]))
    return answer ~= nil
end

-- How many connections are free for ordinary users, and how many there are from each address.
local SLOTS = [[
SELECT pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int
    - coalesce(pg_catalog.current_setting('reserved_connections', true)::int, 0)
    - (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)::int,
    (SELECT pg_catalog.string_agg(pg_catalog.host(client_addr) || '=' || many, ' ') FROM (
        SELECT client_addr, count(*) AS many FROM pg_catalog.pg_stat_activity
        WHERE client_addr IS NOT NULL AND backend_type = 'client backend' GROUP BY client_addr) AS found)
]] .. "\0"

-- Asks that on a session of its own, which counts. Returns nil if it is not known.
local function ask_slots()
    local session, why = open()
    if not session then
        if why == TOO_MANY_CONNECTIONS then
            return { free = 0, from = {} }
        end
        return nil
    end
    send(session, "Q", SLOTS)
    local answer = read(session, PATIENCE)
    session:close()
    local row = answer and answer["D"] and columns(answer["D"])
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

-- One answer, on the session that stands or on a new one; nil, no session and why if neither gives
-- any. armed: a promotion is expected, and PostgreSQL is not to take its time.
local function inquire(session, armed)
    local role, why
    if session then
        role, why = ask(session, armed and QUESTION or LATER, armed and ARMED_PATIENCE or PATIENCE)
        if role then
            return role, session
        end
        session:close()
        if why == "timeout" then
            core.log(core.notice, "PostgreSQL on " .. NODE .. " does not answer; asking on a new session")
        end
    end
    session, why = open()
    if not session then
        return nil, nil, why
    end
    role, why = ask(session, QUESTION, PATIENCE)
    if not role then
        session:close()
        return nil, nil, why
    end
    return role, session
end

local function safely(session, armed)
    local fine, role, kept, why = paf.try(inquire, session, armed)
    if fine then
        return role, kept, why
    end
    return nil, nil, "timeout" -- PostgreSQL has said nothing: it is asked again at once
end

paf.session = {
    inquire = safely, ask_facts = ask_facts, ask_slots = ask_slots,
    TOO_MANY_CONNECTIONS = TOO_MANY_CONNECTIONS,
}
