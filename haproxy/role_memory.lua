-- What this node knows of roles from files: confirmed roles of the local PostgreSQL, and Pacemaker's view.

-- The last confirmed role and its postmaster. HAProxy writes this file, so that the next process finds them.
local MEMORY = os.getenv("PAF_MEMORY") and os.getenv("PAF_MEMORY") .. "/role"
local CONFIRMED = os.getenv("PAF_CONFIRMED") -- the same, written by the agent, which has asked as a superuser
-- systemd starts the agent when this file changes (supervisor.watch, which keeps its name).
local NOTE = os.getenv("PAF_MEMORY") and os.getenv("PAF_MEMORY") .. "/ended"
local ROLE_FILE = os.getenv("PAF_ROLE_FILE") -- Pacemaker's view, written by the agent

local function remember(role, postmaster)
    paf.write_file(MEMORY, role .. " " .. postmaster .. "\n")
end

-- The role that has been confirmed for this postmaster, or nil. "production" outranks "standby": a postmaster that has
-- left recovery stays a primary.
local function recall(postmaster)
    local known
    for _, path in ipairs({ MEMORY, CONFIRMED }) do
        local role, of = paf.read_file(path):match("^(%l+) (%d+)\n")
        if of == postmaster and (role == "production" or role == "standby" and not known) then
            known = role
        end
    end
    return known
end

-- The node that is the primary for Pacemaker; nil if there is none, or if a change of it is under way.
local function settled_primary()
    local text = paf.read_file(ROLE_FILE)
    if text:find("\ncandidate=\n", 1, true) and text:find("\nleaving=\n", 1, true) then
        return text:match("\nprimary=([^\n]+)\n")
    end
end

-- PostgreSQL has ended, and nobody has announced it: the agent finds out whether it has crashed (crash.py).
local function note_end(role)
    paf.write_file(NOTE, os.time() .. " " .. role .. "\n")
end

-- A node is the primary, and this node was not told: the agent asks Pacemaker (missed_change.py).
local function note_missed(node)
    paf.write_file(NOTE, os.time() .. " missed " .. node .. "\n")
end

paf.memory = {
    remember = remember,
    recall = recall,
    note_end = note_end,
    note_missed = note_missed,
    settled_primary = settled_primary,
}
