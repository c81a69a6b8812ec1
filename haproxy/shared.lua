-- What the other files share: time, small files, and questions to the HAProxys of other nodes.
--
-- All files that haproxy.cfg loads with lua-load share the global table paf. This file creates it.
-- Which file owns which part of paf (tests/unit/test_lua_table.py). Only the owner sets it.
--
--     free_slots: grant
--     guard_connection: guard
--     hold: hold
--     json: object
--     metrics: view watch
--     missed_change: look_for_change
--     other_nodes: fit_of others silent
--     postgres_session: session
--     probation: note_return on_probation recovering returning
--     protocol: protocol
--     queue_release: FIRST
--     replication_facts: EVERY MAX_LAG QUESTION asked lag lagging leader learn_facts note_question own receive_lag synchronous tell told
--     rest_state: publish
--     role: changed changed_at confirmed_role ignorant recall_role role set_role
--     role_memory: memory
--     role_port: apply
--     role_probe: armed
--     shared: address ask_node check_fails connect nodes open read_file seconds stopping try write_file
--     silent_node: expecting on_change trusted
--     unknown_role: clear_reason reason refusing report_unknown set_reason unknown

local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))
local ANSWER_ROUND = 2 -- ms between two looks whether an answer has come
local STOPPING_ROUND = 0.1 -- s for which a look at HAProxy's state is used

paf = {}

-- HAProxy raises an error if a socket has just ended ("not yet initialised"). An error would end the task, and every
-- task must run for as long as HAProxy runs.
local function outcome(fine, ...)
    if fine then
        return true, ...
    end
    core.log(core.warning, "HAProxy asks again after an error in its Lua code: " .. tostring((...)))
    return false
end

-- Calls a function. Returns true and its results, or false after an error.
function paf.try(call, ...)
    return outcome(pcall(call, ...))
end

-- The time in s, with a fraction.
function paf.seconds()
    local now = core.now()
    return now.sec + now.usec / 1000000
end

-- The names of the nodes, sorted.
function paf.nodes()
    local found = {}
    for name in pairs(core.proxies["prod"].servers) do
        if name ~= "hold" then
            found[#found + 1] = name
        end
    end
    table.sort(found)
    return found
end

-- Whether the plain check of a server fails. stats: what get_stats() returns.
function paf.check_fails(stats)
    local status = stats["check_status"] or ""
    local failing = status:find("CON$") or status:find("TOUT$") or status:find("STS$")
        or status:find("RSP$") or status:find("ERR$")
    return failing ~= nil
end

-- The host and the port of a server; nil if its name has not resolved.
function paf.address(server)
    local host, port = server:get_addr():match("^%[?(.-)%]?:(%d+)$")
    return host, tonumber(port)
end

-- Opens a connection. within: s, also for each answer. Returns nil if that fails.
function paf.open(host, port, within)
    local session = core.tcp()
    session:settimeout(within)
    if session:connect(host, port) then
        return session
    end
    session:close()
    return nil
end

-- The same, to the role port of a server's node.
function paf.connect(server, within)
    local host = paf.address(server)
    return host and paf.open(host, ROLE_PORT, within)
end

local function ask(server, question, within)
    local session = paf.connect(server, within)
    if not session then
        return nil
    end
    session:send(question .. "\n")
    local line = session:receive("*l")
    session:close()
    return line
end

-- Asks one question on the role port of a server's node. within: s. Returns the first line of the answer, or nil. A
-- task of its own asks, because HAProxy may try a refused connection again for longer than that (node_question.lua).
function paf.ask_node(server, question, within)
    local done, line = false, nil
    core.register_task(function()
        local _, answer = paf.try(ask, server, question, within)
        done, line = true, answer
    end)
    local ends = paf.seconds() + within
    while not done and paf.seconds() < ends do
        core.msleep(ANSWER_ROUND)
    end
    return line
end

local stopping, looked = false, 0 -- what the last look at HAProxy found, and when that was, in s

-- Whether this process finishes its sessions after a reload, or stops. A look is expensive, so all tasks share one.
function paf.stopping()
    local now = paf.seconds()
    if math.abs(now - looked) > STOPPING_ROUND then
        stopping, looked = core.get_info()["Stopping"] ~= 0, now
    end
    return stopping
end

-- The beginning of a file, at most 4096 bytes; "" if it cannot be read.
function paf.read_file(path)
    local file = path and io.open(path)
    if not file then
        return ""
    end
    local text = file:read(4096) or ""
    file:close()
    return text
end

-- HAProxy may write only below PAF_MEMORY: the rest of the state directory belongs to root.
function paf.write_file(path, text)
    local file = path and io.open(path, "w")
    if file then
        file:write(text)
        file:close()
    end
end
