/* pickle.c - Python's pickles (Python: pickletools), as far as files of tensors are made of them:
 * binary opcodes of protocols 2 to 5 that make numbers, text and containers, refer to the classes
 * of an allow-list, or to what is persistent. A pickle is a program for a machine with a stack and
 * a memo; here it makes values that describe what was to be made. */
#include <stdio.h>
#include <string.h>
#include "io/pickle.h"

#define MARK (-1)
#define MAX_PROTOCOL 5
#define MAX_NAME 256

static const struct {
    const char *module, *name;
    tn__class class;
    tn__number number;
} classes[] = {
    {"collections", "OrderedDict", TN__ORDERED_DICT, {0}},
    {"torch._utils", "_rebuild_tensor", TN__TENSOR, {0}},
    {"torch._utils", "_rebuild_tensor_v2", TN__TENSOR, {0}},
    {"torch._utils", "_rebuild_parameter", TN__PARAMETER, {0}},
    {"torch", "Size", TN__SIZE, {0}},
    {"torch", "DoubleStorage", TN__STORAGE, {TN__FLOAT, 8, false}},
    {"torch", "FloatStorage", TN__STORAGE, {TN__FLOAT, 4, false}},
    {"torch", "HalfStorage", TN__STORAGE, {TN__FLOAT, 2, false}},
    {"torch", "BFloat16Storage", TN__STORAGE, {TN__BFLOAT, 2, false}},
    {"torch", "LongStorage", TN__STORAGE, {TN__SIGNED, 8, false}},
    {"torch", "IntStorage", TN__STORAGE, {TN__SIGNED, 4, false}},
    {"torch", "ShortStorage", TN__STORAGE, {TN__SIGNED, 2, false}},
    {"torch", "CharStorage", TN__STORAGE, {TN__SIGNED, 1, false}},
    {"torch", "ByteStorage", TN__STORAGE, {TN__UNSIGNED, 1, false}},
    {"torch", "BoolStorage", TN__STORAGE, {TN__LOGICAL, 1, false}},
    {"torch", "device", TN__OPAQUE, {0}},
    {"torch", "float64", TN__OPAQUE, {0}},
    {"torch", "float32", TN__OPAQUE, {0}},
    {"torch", "float16", TN__OPAQUE, {0}},
    {"torch", "bfloat16", TN__OPAQUE, {0}},
    {"torch", "int64", TN__OPAQUE, {0}},
    {"torch", "int32", TN__OPAQUE, {0}},
    {"torch", "int16", TN__OPAQUE, {0}},
    {"torch", "int8", TN__OPAQUE, {0}},
    {"torch", "uint8", TN__OPAQUE, {0}},
    {"torch", "bool", TN__OPAQUE, {0}},
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool fail(const tn__pickle *p, const char *reason)
{
    return tn__file_fail(p->file, "pickle: %s at byte %lld", reason,
                         (long long)(p->in->position - p->start));
}

/* The bytes that can follow, at most. */
static int64_t left(const tn__pickle *p)
{
    return tn__stream_left(p->in->s) + p->in->filled - p->in->at;
}

static bool refill(tn__pickle *p)
{
    tn__pickle_input *in = p->in;
    int64_t n = tn__stream_read(in->s, in->buffer, sizeof in->buffer);
    in->at = 0;
    in->filled = n > 0 ? n : 0;
    return n > 0 || (n == 0 && fail(p, "it is cut off"));
}

static bool take(tn__pickle *p, void *out, int64_t size)
{
    tn__pickle_input *in = p->in;
    unsigned char *bytes = out;
    while (size > 0) {
        if (in->at == in->filled && !refill(p))
            return false;
        int64_t n = size < in->filled - in->at ? size : in->filled - in->at;
        memcpy(bytes, in->buffer + in->at, (size_t)n);
        bytes += n, size -= n;
        in->at += n, in->position += n;
    }
    return true;
}

/* The bytes of this pickle so far. */
static int64_t used(const tn__pickle *p)
{
    return p->in->position - p->start;
}

/* An unsigned number of `size` bytes. */
static bool take_number(tn__pickle *p, int size, uint64_t *value)
{
    unsigned char bytes[8];
    if (!take(p, bytes, size))
        return false;
    *value = tn__load_bytes(bytes, size, false);
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool push_number(tn__pickle *p, int64_t number)
{
    if (!tn__reserve(p->file->ctx, &p->stack, &p->stack_capacity, p->n_stack + 1, sizeof *p->stack))
        return false;
    p->stack[p->n_stack++] = number;
    return true;
}

static bool push(tn__pickle *p, tn__value value)
{
    if (!tn__reserve(p->file->ctx, &p->values, &p->values_capacity, p->n_values + 1,
                     sizeof *p->values))
        return false;
    p->values[p->n_values++] = value;
    return push_number(p, p->n_values - 1);
}

static bool push_integer(tn__pickle *p, int64_t value)
{
    return push(p, (tn__value){.kind = TN__INT, .u.integer = value});
}

static tn__value container(tn__value_kind kind)
{
    return (tn__value){.kind = kind, .u.items = {-1, -1}};
}

/* The value on top, which may have to be of a kind; NULL if it is not there. */
static tn__value *top(tn__pickle *p)
{
    if (p->n_stack > 0 && p->stack[p->n_stack - 1] != MARK)
        return &p->values[p->stack[p->n_stack - 1]];
    fail(p, "a value is missing");
    return NULL;
}

static bool pop(tn__pickle *p, int64_t *number)
{
    if (!top(p))
        return false;
    *number = p->stack[--p->n_stack];
    return true;
}

/* Where on the stack the values after the last mark begin; -1 if there is no mark. */
static int64_t after_mark(const tn__pickle *p)
{
    for (int64_t i = p->n_stack; i > 0; i--)
        if (p->stack[i - 1] == MARK)
            return i;
    fail(p, "a mark is missing");
    return -1;
}

/* Adds to a container what is on the stack from `from` on. A list can be used again and again in
 * little room, so that there is a limit. */
static bool add_items(tn__pickle *p, tn__value *to, int64_t from)
{
    int64_t count = p->n_stack - from;
    if (p->n_links + count > 2 * used(p))
        return fail(p, "it has used the same values too often");
    if (!tn__reserve(p->file->ctx, &p->links, &p->links_capacity, p->n_links + count,
                     sizeof *p->links))
        return false;
    for (int64_t i = from; i < p->n_stack; i++) {
        int64_t link = p->n_links++;
        p->links[link] = (tn__link){p->stack[i], -1};
        *(to->u.items.last < 0 ? &to->u.items.first : &p->links[to->u.items.last].next) = link;
        to->u.items.last = link;
    }
    p->n_stack = from;
    return true;
}

static bool push_tuple(tn__pickle *p, int64_t from)
{
    tn__value tuple = container(TN__TUPLE);
    return add_items(p, &tuple, from) && push(p, tuple);
}

/* ---- opcodes: each gets the argument that the table below has for it ------------------------- */

static bool op_protocol(tn__pickle *p, int unused)
{
    uint64_t version;
    (void)unused;
    return take_number(p, 1, &version) &&
           (version <= MAX_PROTOCOL || fail(p, "a protocol that cannot be read is named"));
}

/* Frames only tell how much to read at once. */
static bool op_frame(tn__pickle *p, int unused)
{
    uint64_t size;
    (void)unused;
    return take_number(p, 8, &size);
}

static bool op_mark(tn__pickle *p, int unused)
{
    (void)unused;
    return push_number(p, MARK);
}

static bool op_pop(tn__pickle *p, int unused)
{
    (void)unused;
    if (p->n_stack == 0)
        return fail(p, "a value is missing");
    p->n_stack--;
    return true;
}

static bool op_pop_mark(tn__pickle *p, int unused)
{
    int64_t from = after_mark(p);
    (void)unused;
    p->n_stack = from < 0 ? p->n_stack : from - 1;
    return from >= 0;
}

static bool op_duplicate(tn__pickle *p, int unused)
{
    (void)unused;
    return top(p) && push_number(p, p->stack[p->n_stack - 1]);
}

static bool op_none(tn__pickle *p, int unused)
{
    (void)unused;
    return push(p, (tn__value){.kind = TN__NONE});
}

static bool op_flag(tn__pickle *p, int value)
{
    return push_integer(p, value);
}

/* Those of four bytes have a sign. */
static bool op_integer(tn__pickle *p, int size)
{
    uint64_t value;
    if (!take_number(p, size, &value))
        return false;
    return push_integer(p, size == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value);
}

static bool op_float(tn__pickle *p, int unused)
{
    unsigned char bytes[8];
    tn__value value = {.kind = TN__REAL};
    (void)unused;
    if (!take(p, bytes, 8))
        return false;
    uint64_t bits = tn__load_bytes(bytes, 8, true);
    memcpy(&value.u.real, &bits, sizeof bits);
    return push(p, value);
}

/* Text whose length takes `size` bytes. */
static bool take_text(tn__pickle *p, int size, tn__value *text)
{
    uint64_t length;
    if (!take_number(p, size, &length))
        return false;
    if (length > (uint64_t)left(p))
        return tn__file_fail(p->file, "pickle: text of %llu bytes begins where %lld are left",
                             (unsigned long long)length, (long long)left(p));
    int64_t at = p->n_text, end = at + (int64_t)length;
    if (!tn__reserve(p->file->ctx, &p->text, &p->text_capacity, end + 1, 1) ||
        !take(p, p->text + at, (int64_t)length))
        return false;
    p->text[end] = '\0';
    p->n_text = end + 1;
    *text = (tn__value){.kind = TN__TEXT, .u.text = {at, (int64_t)length}};
    return true;
}

static bool op_text(tn__pickle *p, int size)
{
    tn__value text;
    return take_text(p, size, &text) && push(p, text);
}

/* An integer of any length, in two's complement; those of more than 64 bits stay bytes. */
static bool op_long(tn__pickle *p, int size)
{
    tn__value text;
    if (!take_text(p, size, &text))
        return false;
    int length = text.u.text.length <= 8 ? (int)text.u.text.length : 0;
    if (length < text.u.text.length)
        return push(p, text);
    uint64_t value = tn__load_bytes(p->text + text.u.text.at, length, false);
    if (length > 0 && length < 8 && value >> (8 * length - 1))
        value |= UINT64_MAX << 8 * length;
    return push_integer(p, (int64_t)value);
}

static bool op_empty(tn__pickle *p, int kind)
{
    return push(p, container((tn__value_kind)kind));
}

static bool op_tuple(tn__pickle *p, int count)
{
    if (count > p->n_stack)
        return fail(p, "a value is missing");
    for (int i = 1; i <= count; i++)
        if (p->stack[p->n_stack - i] == MARK)
            return fail(p, "a value is missing");
    return push_tuple(p, p->n_stack - count);
}

/* What is after the mark replaces it. */
static bool op_tuple_of_mark(tn__pickle *p, int unused)
{
    int64_t from = after_mark(p), number;
    (void)unused;
    if (from < 0 || !push_tuple(p, from) || !pop(p, &number))
        return false;
    p->stack[p->n_stack - 1] = number;
    return true;
}

/* The container below what is on the stack from `from` on. */
static bool add_to(tn__pickle *p, int64_t from, tn__value_kind kind, int64_t below)
{
    int64_t number = below > 0 ? p->stack[below - 1] : MARK;
    if (number == MARK || p->values[number].kind != kind)
        return fail(p, kind == TN__DICT ? "a dictionary is missing" : "a list is missing");
    if (kind == TN__DICT && (p->n_stack - from) % 2 != 0)
        return fail(p, "a value is missing");
    tn__value to = p->values[number];
    if (!add_items(p, &to, from))
        return false;
    p->values[number] = to;
    p->n_stack = below;
    return true;
}

static bool op_append(tn__pickle *p, int kind)
{
    int64_t count = kind == TN__DICT ? 2 : 1;
    if (p->n_stack < count)
        return fail(p, "a value is missing");
    for (int64_t i = 1; i <= count; i++)
        if (p->stack[p->n_stack - i] == MARK)
            return fail(p, "a value is missing");
    return add_to(p, p->n_stack - count, (tn__value_kind)kind, p->n_stack - count);
}

static bool op_append_mark(tn__pickle *p, int kind)
{
    int64_t from = after_mark(p);
    return from >= 0 && add_to(p, from, (tn__value_kind)kind, from - 1);
}

/* The places of the memo are used in order: there are no more than bytes. */
static bool put_memo(tn__pickle *p, uint64_t place)
{
    if (!top(p))
        return false;
    if (place >= (uint64_t)used(p))
        return fail(p, "a place that the memo does not have is used");
    int64_t count = (int64_t)place + 1;
    if (!tn__reserve(p->file->ctx, &p->memo, &p->memo_capacity, count, sizeof *p->memo))
        return false;
    while (p->n_memo < count)
        p->memo[p->n_memo++] = MARK;
    p->memo[place] = p->stack[p->n_stack - 1];
    return true;
}

static bool op_put(tn__pickle *p, int size)
{
    uint64_t place;
    return take_number(p, size, &place) && put_memo(p, place);
}

static bool op_memoize(tn__pickle *p, int unused)
{
    (void)unused;
    return put_memo(p, (uint64_t)p->n_memo);
}

static bool op_get(tn__pickle *p, int size)
{
    uint64_t place;
    if (!take_number(p, size, &place))
        return false;
    if (place >= (uint64_t)p->n_memo || p->memo[place] == MARK)
        return fail(p, "an empty place of the memo is used");
    return push_number(p, p->memo[place]);
}

/* ---- opcodes: classes and calls -------------------------------------------------------------- */

static bool push_class(tn__pickle *p, const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(module, classes[i].module) == 0 && strcmp(name, classes[i].name) == 0)
            return push(p, (tn__value){.kind = TN__CLASS,
                                       .class = classes[i].class,
                                       .number = classes[i].number});
    return tn__file_fail(
        p->file,
        "it refers to %.80s.%.80s; tensors of real numbers in dictionaries, lists and "
        "tuples are all that is read",
        module, name);
}

static bool take_line(tn__pickle *p, char line[MAX_NAME])
{
    for (int i = 0; i < MAX_NAME; i++) {
        if (!take(p, line + i, 1))
            return false;
        if (line[i] == '\n') {
            line[i] = '\0';
            return true;
        }
    }
    return fail(p, "a name that is too long ends");
}

static bool op_class(tn__pickle *p, int unused)
{
    char module[MAX_NAME], name[MAX_NAME];
    (void)unused;
    return take_line(p, module) && take_line(p, name) && push_class(p, module, name);
}

static bool op_class_of_stack(tn__pickle *p, int unused)
{
    int64_t module, name;
    (void)unused;
    if (!pop(p, &name) || !pop(p, &module))
        return false;
    if (p->values[module].kind != TN__TEXT || p->values[name].kind != TN__TEXT)
        return fail(p, "a name is missing");
    return push_class(p, tn__pickle_text(p, &p->values[module]),
                      tn__pickle_text(p, &p->values[name]));
}

/* A call of OrderedDict makes a dictionary, of a list of pairs if there is one. */
static bool push_ordered_dict(tn__pickle *p, int64_t arguments)
{
    int64_t list;
    int64_t count = tn__pickle_items(p, arguments, &list, 1);
    tn__value dict = container(TN__DICT);
    if (count == 0)
        return push(p, dict);
    if (count != 1 || p->values[list].kind != TN__LIST)
        return fail(p, "an OrderedDict is made of something else than pairs");
    int64_t from = p->n_stack;
    for (int64_t link = p->values[list].u.items.first; link >= 0; link = p->links[link].next) {
        int64_t pair[2];
        if (tn__pickle_items(p, p->links[link].value, pair, 2) != 2)
            return fail(p, "an OrderedDict is made of something else than pairs");
        if (!push_number(p, pair[0]) || !push_number(p, pair[1]))
            return false;
    }
    return add_items(p, &dict, from) && push(p, dict);
}

static bool op_call(tn__pickle *p, int unused)
{
    int64_t arguments, callee;
    (void)unused;
    if (!pop(p, &arguments) || !pop(p, &callee))
        return false;
    const tn__value *class = &p->values[callee];
    if (class->kind != TN__CLASS || class->class == TN__STORAGE ||
        p->values[arguments].kind != TN__TUPLE)
        return fail(p, "something that cannot be called is called");
    if (class->class == TN__ORDERED_DICT)
        return push_ordered_dict(p, arguments);
    return push(p, (tn__value){.kind = TN__CALL, .class = class->class, .u.arguments = arguments});
}

static bool op_persistent(tn__pickle *p, int unused)
{
    int64_t tuple;
    (void)unused;
    return pop(p, &tuple) && push(p, (tn__value){.kind = TN__PERSISTENT, .u.arguments = tuple});
}

/* The attributes of an OrderedDict (PyTorch's _metadata) are passed over. */
static bool op_build(tn__pickle *p, int unused)
{
    int64_t state;
    (void)unused;
    if (!pop(p, &state) || !top(p))
        return false;
    return top(p)->kind == TN__DICT || fail(p, "something else than a dictionary has attributes");
}

/* ---- the machine ----------------------------------------------------------------------------- */

#define STOP '.'

static const struct {
    bool (*run)(tn__pickle *p, int argument);
    int argument;
} opcodes[256] = {
    [0x80] = {op_protocol, 0},
    [0x95] = {op_frame, 0},
    ['('] = {op_mark, 0},
    ['0'] = {op_pop, 0},
    ['1'] = {op_pop_mark, 0},
    ['2'] = {op_duplicate, 0},
    ['N'] = {op_none, 0},
    [0x88] = {op_flag, 1},
    [0x89] = {op_flag, 0},
    ['K'] = {op_integer, 1},
    ['M'] = {op_integer, 2},
    ['J'] = {op_integer, 4},
    [0x8a] = {op_long, 1},
    [0x8b] = {op_long, 4},
    ['G'] = {op_float, 0},
    [0x8c] = {op_text, 1},
    ['X'] = {op_text, 4},
    [0x8d] = {op_text, 8},
    ['U'] = {op_text, 1},
    ['T'] = {op_text, 4},
    ['C'] = {op_text, 1},
    ['B'] = {op_text, 4},
    [0x8e] = {op_text, 8},
    [')'] = {op_empty, TN__TUPLE},
    [']'] = {op_empty, TN__LIST},
    ['}'] = {op_empty, TN__DICT},
    [0x85] = {op_tuple, 1},
    [0x86] = {op_tuple, 2},
    [0x87] = {op_tuple, 3},
    ['t'] = {op_tuple_of_mark, 0},
    ['a'] = {op_append, TN__LIST},
    ['e'] = {op_append_mark, TN__LIST},
    ['s'] = {op_append, TN__DICT},
    ['u'] = {op_append_mark, TN__DICT},
    ['q'] = {op_put, 1},
    ['r'] = {op_put, 4},
    [0x94] = {op_memoize, 0},
    ['h'] = {op_get, 1},
    ['j'] = {op_get, 4},
    ['c'] = {op_class, 0},
    [0x93] = {op_class_of_stack, 0},
    ['R'] = {op_call, 0},
    ['Q'] = {op_persistent, 0},
    ['b'] = {op_build, 0},
};

static bool run(tn__pickle *p)
{
    unsigned char opcode;
    while (take(p, &opcode, 1)) {
        if (opcode == STOP)
            return pop(p, &p->root);
        if (!opcodes[opcode].run)
            return tn__file_fail(p->file, "pickle: opcode %02x at byte %lld cannot be read", opcode,
                                 (long long)(used(p) - 1));
        if (!opcodes[opcode].run(p, opcodes[opcode].argument))
            return false;
    }
    return false;
}

bool tn__pickle_read(tn__pickle *p, tn__pickle_input *in)
{
    *p = (tn__pickle){.in = in, .file = tn__stream_file(in->s), .start = in->position};
    bool ok = run(p);
    p->size = used(p);
    return ok;
}

void tn__pickle_free(tn__pickle *p)
{
    void *const arrays[] = {p->values, p->links, p->text, p->stack, p->memo};
    for (size_t i = 0; p->file && i < sizeof arrays / sizeof *arrays; i++)
        tn__free(p->file->ctx, arrays[i]);
}

const tn__value *tn__pickle_value(const tn__pickle *p, int64_t number)
{
    return &p->values[number];
}

const char *tn__pickle_text(const tn__pickle *p, const tn__value *value)
{
    return p->text + value->u.text.at;
}

int64_t tn__pickle_items(const tn__pickle *p, int64_t number, int64_t *items, int64_t most)
{
    const tn__value *v = &p->values[number];
    int64_t count = 0;
    if (v->kind != TN__TUPLE && v->kind != TN__LIST)
        return -1;
    for (int64_t link = v->u.items.first; link >= 0 && count <= most; count++) {
        if (count < most)
            items[count] = p->links[link].value;
        link = p->links[link].next;
    }
    return count;
}
