-- A change of primary that this node was not told: its notifications are lost, or hang.
--
-- If prod serves nobody, and PostgreSQL on a node whose server is in maintenance says that it is the primary, HAProxy
-- writes a note. systemd then starts the agent, which asks Pacemaker (missed_change.py). HAProxy changes nothing by
-- itself: a standby that somebody promoted by hand says the same.

local NODE = os.getenv("PAF_NODE")

local AFTER = 2 -- s that prod has served nobody; before that, a notification is still to be expected
-- s between two notes, doubled with each of them:
local PAUSE = 5
local MOST_PAUSE = 40

local next_note = 0 -- s
local pause = PAUSE
local logged -- the node that has been logged since prod served last, or nil

-- Whether PostgreSQL on a node says that it is the primary. HAProxy on that node must have said so a moment ago.
local function claims(node)
    if node == NODE then
        return paf.confirmed_role() == "production"
    end
    return paf.others.fresh("prod", node) == "up\n"
end

-- Whether the agent keeps a node out of prod. A server that is armed or drained is not in maintenance: a notification
-- has told this node of the change.
local function kept_out(node)
    return core.proxies["prod"].servers[node]:get_stats()["status"]:find("MAINT", 1, true) ~= nil
end

local function note(node)
    if logged ~= node then
        core.log(core.warning, "PostgreSQL on " .. node .. " says that it is the primary, and prod has served nobody"
            .. " for " .. AFTER .. " s: the agent asks Pacemaker")
        logged = node
    end
    paf.memory.note_missed(node)
end

-- prod serves nobody. since: s, when that began. metrics.lua calls it several times per second.
function paf.look_for_change(since)
    local now = paf.seconds()
    if now - since < AFTER then
        next_note, pause, logged = 0, PAUSE, nil
    elseif now >= next_note then
        for _, node in ipairs(paf.nodes()) do
            if kept_out(node) and claims(node) then
                next_note, pause = now + pause, math.min(2 * pause, MOST_PAUSE)
                note(node)
                return
            end
        end
    end
end
