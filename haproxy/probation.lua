-- A standby that was down leaves new readers to the other standbys for some seconds: PAF starts a crashed standby,
-- stops it, and starts it again. If no other standby serves, it gets new readers at once.

local NODE = os.getenv("PAF_NODE")

local PROBATION = 2 -- s

local missed = false -- whether the local PostgreSQL was down when this process last heard of its role
local returned = 0 -- s, when the probation began; 0: none

-- Takes in a confirmed role of the local PostgreSQL.
function paf.note_return(role)
    if role ~= "down" and missed then
        returned = role == "standby" and core.now().sec or 0
    end
    missed = role == "down"
end

local function others_serve()
    for name, server in pairs(core.proxies["stdby"].servers) do
        local stats = server:get_stats()
        if name ~= NODE and stats["status"]:find("^UP") and stats["weight"] > 0 then
            return true
        end
    end
    return false
end

-- Whether the local standby is on probation. A probation that has ended does not begin again by itself.
function paf.on_probation()
    if returned > 0 and (core.now().sec > returned + PROBATION or not others_serve()) then
        returned = 0
    end
    return returned > 0
end
