-- PostgreSQL that has come back gets no new clients for some seconds, for PAF starts a crashed instance only to stop it
-- in order: clients that were let in would be cut off a moment later. This holds for a standby that was down, as long
-- as another standby serves, and for a primary that has crashed.
--
-- A standby that was down is noticed by the HAProxy of its node, and by those of the other nodes: after a loss of power
-- its own HAProxy is silent, or has begun after PostgreSQL.

local NODE = os.getenv("PAF_NODE")
-- A postmaster that ends in order removes this file.
local LOCK_FILE = os.getenv("PAF_PGSOCKET"):gsub("^unix@", "") .. ".lock"

local NO_SUCH_FILE = 2 -- errno(3): ENOENT
local STANDBY_WAITS = 5 -- s; on a busy machine 4 s pass from PAF's start of a crashed standby to its stop
local PRIMARY_WAITS = 2 -- s; writes wait meanwhile

local missed = false -- whether the local PostgreSQL was down when this process last heard of its role
local crashed = false -- whether it had crashed then
local returned = 0 -- s, when the probation of a standby began; 0: none
local recovered = 0 -- s, the same of a primary
local gone = {} -- by node: s, when this HAProxy last saw that the standby of another node does not answer

-- Whether the lock file is there. HAProxy may not read it, and is told so only if it is there.
local function left_behind()
    local file, _, code = io.open(LOCK_FILE)
    if file then
        file:close()
    end
    return code ~= NO_SUCH_FILE
end

-- Takes in a confirmed role of the local PostgreSQL.
function paf.note_return(role)
    if role == "down" then
        -- If the file is gone later, PostgreSQL has been started and stopped in order meanwhile.
        crashed = (crashed or not missed) and left_behind()
        recovered = 0
    elseif missed then
        returned = role == "standby" and core.now().sec or 0
        recovered = role == "production" and crashed and core.now().sec or 0
    end
    missed = role == "down"
end

-- Whether the local primary has crashed, and PAF may be about to stop it.
function paf.recovering()
    if recovered > 0 and core.now().sec > recovered + PRIMARY_WAITS then
        recovered = 0
    end
    return recovered > 0
end

-- Whether a standby serves besides that of a node.
local function others_serve(node)
    for name, server in pairs(core.proxies["stdby"].servers) do
        local stats = server:get_stats()
        if name ~= node and stats["status"]:find("^UP") and stats["weight"] > 0 then
            return true
        end
    end
    return false
end

-- Whether the local standby is on probation. A probation that has ended does not begin again by itself.
function paf.on_probation()
    if returned > 0 and (core.now().sec > returned + STANDBY_WAITS or not others_serve(NODE)) then
        returned = 0
    end
    return returned > 0
end

-- Whether the standby of another node is on probation. To be asked also while that node answers "down".
function paf.returning(node)
    local stats = core.proxies["stdby"].servers[node]:get_stats()
    if stats["status"]:find("^DOWN") and paf.check_fails(stats) then
        gone[node] = paf.seconds()
    end
    return gone[node] ~= nil and paf.seconds() - gone[node] <= STANDBY_WAITS and others_serve(node)
end
