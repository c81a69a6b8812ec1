-- HAProxy's Lua interface with a clock of its own: as much of it as node_question.lua and other_nodes.lua use.
--
-- world.connect(socket) decides on a connection: it returns the s that it takes, and whether it succeeds.
-- world.answer is the line that another HAProxy sends.

world = { sockets = {}, logged = {}, connect = function() return 0, true end, answer = "down;up;\n" }

local now, tasks = 1000, {}

function world.now()
    return now - 1000
end

-- Runs all tasks until a time in s.
function world.run(ends)
    while true do
        table.sort(tasks, function(one, other) return one.at < other.at end)
        if not tasks[1] or tasks[1].at > ends + 1000 then
            now = ends + 1000
            return
        end
        local task = table.remove(tasks, 1)
        now = task.at
        local fine, wait = coroutine.resume(task.thread)
        assert(fine, wait)
        if coroutine.status(task.thread) ~= "dead" then
            task.at = now + wait
            tasks[#tasks + 1] = task
        end
    end
end

-- The sockets that are open or connect, altogether.
function world.open()
    local count = 0
    for _, socket in ipairs(world.sockets) do
        count = count + (socket.closed and 0 or 1)
    end
    return count
end

local Socket = {}
Socket.__index = Socket

function Socket:settimeout(within)
    self.within = within
end

function Socket:connect(host)
    self.host = host
    local takes, succeeds = world.connect(self)
    coroutine.yield(takes)
    return succeeds and 1 or nil
end

function Socket:send(text)
    assert(not self.closed, "a closed socket was used")
    self.asked = text
end

function Socket:receive()
    coroutine.yield(0.9) -- long polling
    if not world.answer then
        self.ended = true
        return nil
    end
    return (world.answer:gsub("\n", ""))
end

function Socket:close()
    self.closed = true
end

core = { proxies = { prod = { servers = {} }, stdby = { servers = {} } }, warning = 4, notice = 5 }

function core.now()
    return { sec = math.floor(now), usec = math.floor(now % 1 * 1000000) }
end

function core.register_task(call)
    tasks[#tasks + 1] = { at = now, thread = coroutine.create(call) }
end

function core.msleep(ms)
    coroutine.yield(ms / 1000)
end

function core.log(_, text)
    world.logged[#world.logged + 1] = text
end

function core.get_info()
    return { Stopping = 0 }
end

function core.tcp()
    local socket = setmetatable({}, Socket)
    world.sockets[#world.sockets + 1] = socket
    return socket
end

-- A node: its servers, and agent-checks that ask for both.
function world.add(name, address)
    for _, pool in pairs(core.proxies) do
        pool.servers[name] = {
            get_addr = function() return address .. ":5434" end,
            get_stats = function() return { status = "UP", check_status = "L7OK" } end,
        }
    end
    core.register_task(function()
        while true do
            paf.fit_of("prod", name, true)
            core.msleep(500)
        end
    end)
end

-- Loads Lua files of a directory.
function world.load(directory, ...)
    for _, name in ipairs({ ... }) do
        dofile(directory .. "/" .. name .. ".lua")
    end
end
