-- One session to the local PostgreSQL, over its Unix socket, in its own protocol: HAProxy's Lua knows
-- no library for that.

local ADDRESS = os.getenv("PAF_PGSOCKET")
local SOCKET = ADDRESS:gsub("^unix@", "")
local USER = os.getenv("PAF_PGUSER")
local DATABASE = os.getenv("PAF_PGDATABASE")

local LOGIN_WITHIN = 5 -- s for PostgreSQL to let us in
-- s for an answer. HAProxy closes a socket whose time is over, and with connection slots exhausted there
-- would be no other: role.lua tries a second session long before.
local ANSWER_WITHIN = 60
local SLOTS_WITHIN = 1 -- s for the question how many connections are free
local ARMED_INTERVAL = 10 -- ms between two questions while a promotion is expected
local AFTER_ERROR = 200 -- ms

local PROTOCOL_3 = 196608
local AUTHENTICATED = 0
local QUESTION = "SELECT pg_catalog.pg_is_in_recovery()\0"
-- The same, answered a moment later: PostgreSQL does the waiting.
local LATER = "SELECT pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_sleep(0.2)\0"
-- What a session starts with outranks ALTER ROLE ... SET and ALTER DATABASE ... SET.
local SETTINGS = {
    { "user", USER },
    { "database", DATABASE },
    { "application_name", "paf-haproxy" },
    { "client_encoding", "UTF8" },
    { "search_path", "pg_catalog" },
    { "DateStyle", "ISO, MDY" },
    { "default_transaction_isolation", "read committed" }, -- a standby refuses "serializable"
    { "default_transaction_read_only", "on" },
    { "default_transaction_deferrable", "off" },
    { "statement_timeout", "0" },
    { "lock_timeout", "0" },
    { "idle_in_transaction_session_timeout", "0" },
}
-- Versions before these refuse a session that names them.
local SETTINGS_SINCE = { { 14, "idle_session_timeout" }, { 17, "transaction_timeout" } }
local LATER_SETTINGS = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
    .. " WHERE name IN ('idle_session_timeout', 'transaction_timeout')\0"

local version = 0 -- of PostgreSQL, the major one; 0: not known yet

local function startup()
    local words = {}
    for _, setting in ipairs(SETTINGS) do
        words[#words + 1] = setting[1] .. "\0" .. setting[2] .. "\0"
    end
    for _, setting in ipairs(SETTINGS_SINCE) do
        if version >= setting[1] then
            words[#words + 1] = setting[2] .. "\0" .. "0\0"
        end
    end
    return string.pack(">I4", PROTOCOL_3) .. table.concat(words) .. "\0"
end

-- Messages of PostgreSQL's protocol 3.0 (PostgreSQL documentation, "Message Formats").

local function send(session, kind, body)
    session:send(kind .. string.pack(">I4", #body + 4) .. body)
end

-- The SQLSTATE and the text of an ErrorResponse.
local function objection(body)
    local fields = {}
    for kind, text in body:gmatch("(.)([^\0]*)\0") do
        fields[kind] = text
    end
    return { code = fields.C or "error", text = fields.M or "" }
end

-- Reads up to ReadyForQuery; returns the messages by their type, or nil, the reason, and whether the
-- session is still of use.
local function read(session)
    local messages, failed = {}, nil
    while true do
        local header = session:receive(5)
        if not header or #header < 5 then
            return nil, failed or { code = "closed", text = "the session ended" }, false
        end
        local kind, length = string.unpack(">c1I4", header)
        local body = ""
        if length > 4 then
            body = session:receive(length - 4)
        end
        if not body then
            return nil, failed or { code = "closed", text = "the session ended" }, false
        end
        if kind == "E" then
            failed = objection(body)
        elseif kind == "S" then
            version = tonumber(body:match("^server_version\0(%d+)")) or version
        elseif kind == "R" and string.unpack(">I4", body) ~= AUTHENTICATED then
            return nil, { code = "28P01", text = "PostgreSQL asks for a password" }, false
        elseif kind == "Z" then
            if failed then
                return nil, failed, true
            end
            return messages
        end
        messages[kind] = body
    end
end

-- The number of the socket that PostgreSQL listens on, nil if there is none. No other postmaster gets
-- the same number, so it tells whether PostgreSQL has been started anew (proc(5), /proc/net/unix).
local function listening()
    local file = io.open("/proc/net/unix")
    if not file then
        return nil
    end
    local found
    local wanted = SOCKET:gsub("^/var/run/", "/run/")
    for line in file:lines() do
        local flags, number, path = line:match("^%x+: %x+ %x+ (%x+) %x+ %x+ +(%d+) (.+)$")
        if path and flags == "00010000" and path:gsub("^/var/run/", "/run/") == wanted then
            found = number
        end
    end
    file:close()
    return found
end

-- within: s for PostgreSQL to let us in.
local function open(talk, within)
    local session = core.tcp()
    session:settimeout(within)
    if not session:connect(ADDRESS) then
        session:close()
        if listening() then
            return nil, { code = "busy", text = "PostgreSQL accepts no connection, but listens" }
        end
        return nil, { code = "absent", text = "nobody listens on " .. SOCKET }
    end
    local before = listening() -- a postmaster that ends now ends the session with it
    send(session, "", startup())
    local began = core.now().sec
    local ready, why = read(session)
    if not ready then
        session:close()
        if why.code == "closed" and core.now().sec - began >= within - 1 then
            why = { code = "timeout", text = "no answer to a login within " .. within .. " s" }
        end
        return nil, why
    end
    if before and before == listening() then
        talk.postmaster = before
    end
    session:settimeout(ANSWER_WITHIN)
    if version >= SETTINGS_SINCE[1][1] then
        send(session, "Q", LATER_SETTINGS)
        read(session)
    end
    return session
end

local function ask(session, question)
    send(session, "Q", question)
    local answer, why, usable = read(session)
    if not answer then
        return nil, why, usable
    elseif not answer["D"] then
        return nil, { code = "error", text = "an answer without a row" }, true
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
    local answer, _, usable = read(session)
    paf.learn(answer and answer["D"] and columns(answer["D"]))
    return answer ~= nil or usable
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
    local session, why = open({}, SLOTS_WITHIN)
    if not session then
        return why.code == "53300" and { free = 0, from = {} } or nil
    end
    session:settimeout(SLOTS_WITHIN)
    send(session, "Q", SLOTS)
    local answer = read(session)
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

-- Asks on one session for as long as talk.wanted(). There is always a question under way, so that the
-- end of the session tells a stop at once. talk.answered(role) and talk.failed(why) hear of each answer.
-- Returns why the session has ended.
local function converse(talk)
    local session, why = open(talk, LOGIN_WITHIN)
    if not session then
        return why
    end
    local question = QUESTION
    while talk.wanted() do
        local role, reason, usable = ask(session, question)
        if role then
            talk.answered(role)
            if talk.facts() and not ask_facts(session) then
                session:close()
                return { code = "closed", text = "the session ended" }
            end
        elseif usable then
            talk.failed(reason)
            core.msleep(AFTER_ERROR)
        else
            session:close()
            return reason
        end
        if paf.armed then
            core.msleep(ARMED_INTERVAL)
        end
        question = paf.armed and QUESTION or LATER
    end
    session:close()
    return { code = "closed", text = "" }
end

-- What to type, by SQLSTATE (PostgreSQL documentation, "PostgreSQL Error Codes").
local LINE = "this line before the others in pg_hba.conf, then a reload of PostgreSQL: local " .. DATABASE .. " "
    .. USER .. " peer"
local REMEDIES = {
    ["28000"] = "CREATE ROLE " .. USER .. " LOGIN; if it exists: ALTER ROLE " .. USER .. " LOGIN; or " .. LINE,
    ["28P01"] = LINE,
    ["42501"] = "GRANT CONNECT ON DATABASE " .. DATABASE .. " TO " .. USER .. ";",
    ["3D000"] = "CREATE DATABASE " .. DATABASE .. "; or name another in parameter pgdatabase",
    ["55000"] = "ALTER DATABASE " .. DATABASE .. " ALLOW_CONNECTIONS true;",
    ["53300"] = "close connections, or raise max_connections; check ALTER ROLE " .. USER
        .. " CONNECTION LIMIT -1; and ALTER DATABASE " .. DATABASE .. " CONNECTION LIMIT -1;",
    ["57P03"] = "wait: PostgreSQL starts, recovers or shuts down; see its log",
    ["timeout"] = "look at the load of the machine, and for locks on pg_catalog",
    ["busy"] = "look at the load of the machine: PostgreSQL does not accept connections",
}

paf.session = {
    ask_slots = ask_slots,
    converse = converse,
    listening = listening,
    remedy = function(code)
        return REMEDIES[code] or "see PostgreSQL's log"
    end,
}
