-- JSON, as far as rest_state.lua and metrics.lua need it.

local function escape(character)
    if character == '"' or character == "\\" then
        return "\\" .. character
    end
    return string.format("\\u%04x", character:byte())
end

-- A text as JSON. If it is not UTF-8, each byte that is not ASCII becomes a question mark.
local function quote(text)
    if not utf8.len(text) then
        text = text:gsub("[\128-\255]", "?")
    end
    return '"' .. text:gsub('[%c"\\\127]', escape) .. '"'
end

-- A JSON object. members: pairs of name and value, in order; a pair without a value is left out.
-- more: further members, already as JSON, or nil.
function paf.object(members, more)
    local found = {}
    for _, member in ipairs(members) do
        local name, value = member[1], member[2]
        if value ~= nil then
            local text = type(value) == "string" and quote(value) or tostring(value)
            found[#found + 1] = '"' .. name .. '": ' .. text
        end
    end
    found[#found + 1] = more
    return "{" .. table.concat(found, ", ") .. "}"
end
