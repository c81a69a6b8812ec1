-- Why PostgreSQL does not tell its role, and what to type to fix it.

local NODE = os.getenv("PAF_NODE")
local USER = os.getenv("PAF_PGUSER")
local DATABASE = os.getenv("PAF_PGDATABASE")

local REPORT_AFTER = 1 -- s without an answer, then the role is reported as unknown

-- By SQLSTATE (PostgreSQL documentation, "PostgreSQL Error Codes") or by a code of postgres_session.lua.
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

paf.reason = nil -- why the last question got no answer: code and text; nil if it got one

local answered = paf.seconds() -- s, when PostgreSQL answered last; before its first answer, when this process began
local logged = {} -- the codes that have been logged since the last answer

-- PostgreSQL gave no answer. why: code and text.
function paf.set_reason(why)
    paf.reason = why
end

-- PostgreSQL has told its role.
function paf.clear_reason(role)
    answered = paf.seconds()
    if paf.reason and next(logged) then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " tells its role again: " .. role)
    end
    paf.reason, logged = nil, {}
end

-- Why PostgreSQL does not tell its role, in words, and the code; nil if it does.
function paf.unknown()
    local reason = paf.reason
    if not reason or reason.code == "absent" or paf.seconds() - answered < REPORT_AFTER then
        return nil
    end
    local text = reason.text ~= "" and ": " .. reason.text or ""
    return reason.code .. text .. "; to mend it: " .. (REMEDIES[reason.code] or "see PostgreSQL's log"), reason.code
end

-- Logs the reason, once for each code.
function paf.report_unknown()
    local why, code = paf.unknown()
    if why and code ~= "57P03" and not logged[code] then
        logged[code] = true
        core.log(core.warning, "PostgreSQL on " .. NODE .. " does not tell its role, which stays "
            .. paf.role() .. ": " .. why)
    end
end

-- Whether PostgreSQL itself says that it accepts no connections: it starts, recovers or shuts down.
function paf.refusing()
    return paf.reason ~= nil and paf.reason.code == "57P03"
end
