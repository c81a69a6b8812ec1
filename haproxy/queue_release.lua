-- How clients that wait for a primary are let through when it returns. All at once they would flood PostgreSQL, and
-- beyond max_connections they would be refused. So the limit of a server of prod begins at FIRST connections. While
-- clients wait, each node asks the primary's node how many more it may let through (free_slots.lua). The limit is lifted as
-- soon as no client waits.

local NODE = os.getenv("PAF_NODE")
local FULL = tonumber(os.getenv("PAF_SERVER_MAXCONN")) -- the limit of a server otherwise
local HOLD_TIMEOUT = tonumber(os.getenv("PAF_HOLD_TIMEOUT") or "0") -- ms

-- Connections that each node lets through before it has asked. Few: HAProxy up to 3.0 does not count them in the
-- limit of the server (its issue 2744), so that so many more are let through than are granted.
paf.FIRST = 2
local ROUND = 50 -- ms between two looks
local LIFTED_ROUND = 300 -- ms, the same while the limits are lifted: a primary does not return that fast
local ANSWER_WITHIN = 1 -- s
local PATIENCE = 1 -- s without any answer; then FIRST connections more are let through in each round

local limits = {} -- by server: what this file has set
local lifted = false -- whether the servers have their full limits
local since = 0 -- s, when the primary returned

local function limit(name, server, most)
    most = math.max(1, math.min(most, FULL))
    if limits[name] ~= most then
        limits[name] = most
        server:set_maxconn(tostring(most))
    end
end

-- Asks the HAProxy on the node of a server how many more connections it grants; nil without an answer.
local function ask(name, server, connections, waiting)
    if paf.others.failing(name) then
        return nil -- it is silent, and each question to it may last for ANSWER_WITHIN
    end
    local question = "slots " .. NODE .. " " .. connections .. " " .. waiting
    return tonumber(paf.ask_node(server, question, ANSWER_WITHIN) or "")
end

local function look()
    local pool = core.proxies["prod"]:get_stats()
    local served = pool["act"] > 0
    if lifted and served then
        return
    elseif served then
        since = since > 0 and since or paf.seconds()
        lifted = pool["qcur"] == 0 or paf.seconds() - since > HOLD_TIMEOUT / 1000
    else
        lifted, since = false, 0
    end
    for _, name in ipairs(paf.nodes()) do
        local server = core.proxies["prod"].servers[name]
        local stats = server:get_stats()
        local connections = stats["scur"]
        if lifted then
            limit(name, server, FULL)
        elseif not served then
            limit(name, server, connections + paf.FIRST)
        elseif stats["status"]:find("^UP") then
            local _, more = paf.try(ask, name, server, connections, pool["qcur"])
            more = more or paf.seconds() - since > PATIENCE and paf.FIRST or 0
            limit(name, server, connections + more)
        end
    end
end

if HOLD_TIMEOUT > 0 then
    core.register_task(function()
        while not paf.stopping() do
            paf.try(look)
            core.msleep(lifted and LIFTED_ROUND or ROUND)
        end
    end)
end
