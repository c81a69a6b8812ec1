-- Asks the HAProxys of the other nodes on the role port: for both pools at once, on a connection that stays open.
-- other_nodes.lua takes in the answers.
--
-- A node that cannot be connected to within CONNECT_WITHIN has not answered. The limit is kept by a task of its own:
-- several versions of HAProxy try a refused connection of Lua code again for 3 s, and their settimeout() limits each of
-- the four attempts (docs/traps/haproxy.md). Only the task that created a socket can use it. So the task that still
-- connects is left alone, and a new task asks from then on.

local NODE = os.getenv("PAF_NODE")
local INTERVAL = tonumber(os.getenv("PAF_CHECK_INTERVAL") or 50) -- ms

local CONNECT_WITHIN = 0.3 -- s for another node
local ANSWER_WITHIN = 4 -- s; another node may delay an answer by 0.9 s (long polling)
local KEEPS = ";$" -- at the end of an answer: the other side keeps the connection open
local ROUND = 100 -- ms between two looks whether there are agent-checks
local RETRY = 100 -- ms after the first failure; after each further one, as many more
local MOST_RETRY = 1000 -- ms

local ID = "x" .. (tostring({}):match("(%x+)$") or "") .. os.time() -- of this process

-- ms until the next question after a number of failures.
local function pause(failures)
    return math.min(MOST_RETRY, RETRY * failures)
end

local begin -- begins a task that asks a node after some ms

-- Connects to the node of an asker: the table of one task. node: its name. connection: the open connection, or nil.
-- connecting: since when it connects, in s, or nil. left: whether another task asks the node now.
local function connect(asker)
    local began = paf.seconds()
    asker.connecting = began
    core.register_task(function()
        core.msleep(CONNECT_WITHIN * 1000)
        if asker.connecting == began then
            asker.left = true
            begin(asker.node, pause(paf.others.learn(asker.node, "prod", nil)))
        end
    end)
    local _, session = paf.try(paf.connect, core.proxies["prod"].servers[asker.node], CONNECT_WITHIN)
    asker.connecting = nil
    if session and asker.left then
        session:close()
        return nil
    elseif session then
        session:settimeout(ANSWER_WITHIN)
    end
    return session
end

-- Asks a question on the open connection, or on a new one. Returns the line of the answer, or nil.
local function exchange(asker, text)
    local began, kept = paf.seconds(), asker.connection
    local session = kept or connect(asker)
    asker.connection = nil
    if not session then
        return nil
    end
    session:send(text .. "\n")
    local line = session:receive("*l")
    if line and line:find(KEEPS) then
        asker.connection = session
        return line
    end
    session:close()
    if kept and not line and paf.seconds() - began < ANSWER_WITHIN - 1 then
        return exchange(asker, text) -- the other side had closed the open connection
    end
    return line
end

-- One question to a node. Returns nil if its answer is not the role port's.
local function question(asker, pools)
    local _, line = paf.try(exchange, asker, pools .. " " .. ID .. " keep")
    return line and (line:find("^up") or line:find("^down")) and line or nil
end

-- Passes the answer for a pool on. Returns the number of failures since the last answer.
local function learn(asker, pool, answer)
    return asker.left and 1 or paf.others.learn(asker.node, pool, answer)
end

-- Asks a node once. Returns ms until the next question.
local function ask(asker)
    local began = paf.seconds()
    local line = question(asker, "prod,stdby")
    local prod, stdby = (line or ""):match("^([^;]+);?([^;]*)")
    local failures = learn(asker, "prod", prod)
    if failures == 0 then
        -- An older agent answers for one pool at a time.
        failures = learn(asker, "stdby", stdby ~= "" and stdby or question(asker, "stdby"))
    end
    return failures > 0 and pause(failures) or INTERVAL - (paf.seconds() - began) * 1000
end

function begin(node, wait)
    local asker = { node = node }
    core.register_task(function()
        core.msleep(math.max(1, wait))
        while not (asker.left or paf.stopping()) do
            local ms = paf.others.wanted(node) and ask(asker) or ROUND
            core.msleep(math.max(1, math.floor(ms)))
        end
    end)
end

core.register_task(function()
    for _, node in ipairs(paf.nodes()) do
        if node ~= NODE then
            begin(node, 0)
        end
    end
end)
