-- What the other files share: time, small files, and questions to the HAProxys of other nodes.
--
-- All files that haproxy.cfg loads with lua-load share the global table paf. This file creates it.

local ROLE_PORT = tonumber(os.getenv("PAF_ROLE_PORT"))

paf = {}

-- HAProxy raises an error if a socket has just ended ("not yet initialised"). An error would end the task, and every
-- task must run for as long as HAProxy runs.
local function outcome(fine, ...)
    if fine then
        return true, ...
    end
    core.log(core.warning, "asked once more after an error: " .. tostring((...)))
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

-- The host and the port of a server; nil if its name has not resolved.
function paf.address(server)
    local host, port = server:get_addr():match("^%[?(.-)%]?:(%d+)$")
    return host, tonumber(port)
end

-- Asks a question on the role port of a server's node. Returns the first line of the answer, or nil.
-- connect_within: s. answer_within: s; without it, connect_within holds for the answer, too.
function paf.ask_node(server, question, connect_within, answer_within)
    local host = paf.address(server)
    if not host then
        return nil
    end
    local session = core.tcp()
    session:settimeout(connect_within)
    local line
    if session:connect(host, ROLE_PORT) then
        if answer_within then
            session:settimeout(answer_within)
        end
        session:send(question .. "\n")
        line = session:receive("*l")
    end
    session:close()
    return line
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
