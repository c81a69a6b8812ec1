-- The role of the local PostgreSQL: production, standby, down or unknown.
--
-- PostgreSQL is down only if it does not listen. If it listens and gives no answer (a refused login, no free connection
-- slot, a cancelled query, silence), the last confirmed role stays valid for as long as the same postmaster listens.
-- This is safe: a postmaster that has left recovery stays a primary until it ends.

local NODE = os.getenv("PAF_NODE")

local born = os.time() -- s
local postgres = "unknown" -- the confirmed role
local bound -- the postmaster that the role was confirmed for, or nil
local changed = 0 -- s, when the role changed last; 0: this process does not know the role yet
local settled -- the primary's node for Pacemaker, or nil; read only while the role is unknown

-- The role to publish. If no role is confirmed, Pacemaker's view can make this node a standby. It cannot make it a
-- primary: the view can be out of date, and a write must not reach a standby.
function paf.role()
    if postgres == "unknown" and paf.reason and settled and settled ~= NODE then
        return "standby"
    end
    return postgres
end

-- The confirmed role, without Pacemaker's view.
function paf.confirmed_role()
    return postgres
end

-- Takes in the role that has been confirmed for a postmaster. postmaster: nil if it is not known.
function paf.set_role(role, postmaster)
    if role ~= "unknown" then
        paf.note_return(role)
    end
    if postmaster and (postmaster ~= bound or role ~= postgres) then
        paf.memory.remember(role, postmaster)
    end
    bound = postmaster
    if role ~= postgres then
        core.log(core.notice, "PostgreSQL on " .. NODE .. " is " .. role .. ", was " .. postgres)
        local before = postgres
        -- In a switchover, Pacemaker has announced that the primary ends.
        local announced = before == "production" and not paf.memory.settled_primary()
        postgres = role
        paf.apply(NODE)
        paf.try(paf.publish)
        if role == "down" and before ~= "unknown" and not announced then
            paf.memory.note_end(before)
        end
        changed = core.now().sec
    end
    changed = changed == 0 and core.now().sec or changed
end

-- PostgreSQL listens and gave no answer: looks up what has been confirmed for the postmaster that listens now.
function paf.recall_role()
    local postmaster = paf.session.listening()
    settled = paf.memory.settled_primary()
    if not postmaster then
        return -- without an identity of the postmaster, the last confirmed role stays valid
    end
    local known = paf.memory.recall(postmaster)
    if known then
        if known == "production" or postgres ~= "production" or postmaster ~= bound then
            paf.set_role(known, postmaster)
        end
    elseif postmaster ~= bound
        and (postgres ~= "down" or paf.reason.code ~= "57P03" and paf.reason.code ~= "timeout") then
        paf.set_role("unknown")
    end
end

-- When this process last saw the role change, in s; 0 if it does not know the role yet.
function paf.changed_at()
    return changed
end

-- The same, but at least when this process began.
function paf.changed()
    return math.max(changed, born)
end

-- Whether this process has heard nothing from PostgreSQL yet. Until then it tells no other HAProxy "down".
function paf.ignorant()
    return changed == 0 and not paf.reason
end
