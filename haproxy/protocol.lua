-- PostgreSQL's protocol 3.0, as far as it takes to log in and to ask a question (PostgreSQL documentation,
-- "Frontend/Backend Protocol"). HAProxy's Lua has no library for it.

local USER = os.getenv("PAF_PGUSER")
local DATABASE = os.getenv("PAF_PGDATABASE")

local PROTOCOL_3 = 196608
local AUTHENTICATED = 0
-- The settings in the startup packet outrank ALTER ROLE ... SET and ALTER DATABASE ... SET.
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
-- The first version of PostgreSQL that knows a setting. Older ones refuse a startup packet that contains it.
local SETTINGS_SINCE = { { 14, "idle_session_timeout" }, { 17, "transaction_timeout" } }
local LATER_SETTINGS = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings"
    .. " WHERE name IN ('idle_session_timeout', 'transaction_timeout')"

local version = 0 -- PostgreSQL's major version; 0: not known yet

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

local function send(session, kind, body)
    session:send(kind .. string.pack(">I4", #body + 4) .. body)
end

-- The SQLSTATE and the text of an ErrorResponse.
local function error_fields(body)
    local fields = {}
    for kind, text in body:gmatch("(.)([^\0]*)\0") do
        fields[kind] = text
    end
    return { code = fields.C or "error", text = fields.M or "" }
end

-- The columns of a DataRow as text; a NULL is nil.
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

-- Reads up to ReadyForQuery. Returns the columns of the last row, {} without a row; or nil, the reason, and whether
-- the session can still be used.
local function read(session)
    local row, failed = {}, nil
    while true do
        local header, body = session:receive(5), ""
        local kind, length
        if header and #header == 5 then
            kind, length = string.unpack(">c1I4", header)
        end
        if kind and length > 4 then
            body = session:receive(length - 4)
        end
        if not kind or not body then
            return nil, failed or { code = "closed", text = "the session ended" }, false
        elseif kind == "E" then
            failed = error_fields(body)
        elseif kind == "S" then
            version = tonumber(body:match("^server_version\0(%d+)")) or version
        elseif kind == "R" and string.unpack(">I4", body) ~= AUTHENTICATED then
            return nil, { code = "28P01", text = "PostgreSQL asks for a password" }, false
        elseif kind == "D" then
            row = columns(body)
        elseif kind == "Z" then
            if failed then
                return nil, failed, true
            end
            return row
        end
    end
end

local function login(session)
    send(session, "", startup())
    return read(session)
end

local function query(session, text)
    send(session, "Q", text .. "\0")
    return read(session)
end

-- Before the first login the version is not known, so the startup packet lacks the settings of newer versions.
local function set_later_settings(session)
    if version >= SETTINGS_SINCE[1][1] then
        query(session, LATER_SETTINGS)
    end
end

paf.protocol = { login = login, query = query, set_later_settings = set_later_settings }
