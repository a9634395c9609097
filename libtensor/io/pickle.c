/* pickle.c - Python's pickles (Python: pickletools), as far as torch.save makes them: the opcodes
 * of protocols 1 to 5. A pickle is a program for a machine with a stack and a memo, which can have
 * any function of Python called; here nothing is called, and values describe what was to be made.
 * What means nothing here is opaque: it holds what it was to be made of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "io/file.h"
#include "io/numbers.h"
#include "io/pickle.h"
#include "io/stream.h"

#define MARK (-1)
#define MAX_PROTOCOL 5
#define MAX_NAME 256

/* Bytes that the values may take for each byte of the file; in a file that is not compressed they
 * need half of that. */
#define EXPANSION 64
#define FIXED_SIZE 32768

/* Values that are made once and shared: None, the integers of a byte, and the empty tuple. */
enum { NONE = TN__ATTRIBUTES + 1, INTEGERS, EMPTY_TUPLE = INTEGERS + 256, CONSTANTS };

#define TORCH "torch"
#define UTILS "torch._utils"

static const struct {
    const char *module, *name;
    tn__class class;
    tn__number number;
} classes[] = {
    {"", "", TN__UNKNOWN, {0}},
    {"collections", "OrderedDict", TN__ORDERED_DICT, {0}},
    {"collections", "defaultdict", TN__DEFAULT_DICT, {0}},
    {UTILS, "_rebuild_tensor", TN__TENSOR_V1, {0}},
    {UTILS, "_rebuild_tensor_v2", TN__TENSOR_V2, {0}},
    {UTILS, "_rebuild_tensor_v3", TN__TENSOR_V3, {0}},
    {UTILS, "_rebuild_parameter", TN__PARAMETER, {0}},
    {UTILS, "_rebuild_parameter_with_state", TN__STATE_PARAMETER, {0}},
    {"torch._tensor", "_rebuild_from_type_v2", TN__FROM_TYPE, {0}},
    {TORCH, "Tensor", TN__TENSOR_TYPE, {0}},
    {"torch.nn.parameter", "Parameter", TN__TENSOR_TYPE, {0}},
    {TORCH, "Size", TN__SIZE, {0}},
    {TORCH, "DoubleStorage", TN__STORAGE, {TN__FLOAT, 8, false}},
    {TORCH, "FloatStorage", TN__STORAGE, {TN__FLOAT, 4, false}},
    {TORCH, "HalfStorage", TN__STORAGE, {TN__FLOAT, 2, false}},
    {TORCH, "BFloat16Storage", TN__STORAGE, {TN__BFLOAT, 2, false}},
    {TORCH, "LongStorage", TN__STORAGE, {TN__SIGNED, 8, false}},
    {TORCH, "IntStorage", TN__STORAGE, {TN__SIGNED, 4, false}},
    {TORCH, "ShortStorage", TN__STORAGE, {TN__SIGNED, 2, false}},
    {TORCH, "CharStorage", TN__STORAGE, {TN__SIGNED, 1, false}},
    {TORCH, "ByteStorage", TN__STORAGE, {TN__UNSIGNED, 1, false}},
    {TORCH, "BoolStorage", TN__STORAGE, {TN__LOGICAL, 1, false}},
    {TORCH, "UntypedStorage", TN__BYTES_STORAGE, {TN__UNSIGNED, 1, false}},
    {"torch.storage", "UntypedStorage", TN__BYTES_STORAGE, {TN__UNSIGNED, 1, false}},
    {TORCH, "float64", TN__DTYPE, {TN__FLOAT, 8, false}},
    {TORCH, "float32", TN__DTYPE, {TN__FLOAT, 4, false}},
    {TORCH, "float16", TN__DTYPE, {TN__FLOAT, 2, false}},
    {TORCH, "bfloat16", TN__DTYPE, {TN__BFLOAT, 2, false}},
    {TORCH, "int64", TN__DTYPE, {TN__SIGNED, 8, false}},
    {TORCH, "int32", TN__DTYPE, {TN__SIGNED, 4, false}},
    {TORCH, "int16", TN__DTYPE, {TN__SIGNED, 2, false}},
    {TORCH, "int8", TN__DTYPE, {TN__SIGNED, 1, false}},
    {TORCH, "uint64", TN__DTYPE, {TN__UNSIGNED, 8, false}},
    {TORCH, "uint32", TN__DTYPE, {TN__UNSIGNED, 4, false}},
    {TORCH, "uint16", TN__DTYPE, {TN__UNSIGNED, 2, false}},
    {TORCH, "uint8", TN__DTYPE, {TN__UNSIGNED, 1, false}},
    {TORCH, "bool", TN__DTYPE, {TN__LOGICAL, 1, false}},
};

/* The beginnings of names that are refused at once: other kinds of tensors, and functions that are
 * in a file to run programs when Python loads it, which is an attack. */
static const char *const refused[] = {
    "torch._utils._rebuild",
    "torch._tensor._rebuild",
    "torch.ComplexDoubleStorage",
    "torch.ComplexFloatStorage",
    "torch.QInt32Storage",
    "torch.QInt8Storage",
    "torch.QUInt2x4Storage",
    "torch.QUInt4x2Storage",
    "torch.QUInt8Storage",
    "builtins.__import__",
    "builtins.compile",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "__builtin__.__import__",
    "__builtin__.compile",
    "__builtin__.eval",
    "__builtin__.exec",
    "__builtin__.open",
    "ctypes.",
    "importlib.",
    "nt.",
    "os.",
    "posix.",
    "pty.",
    "runpy.",
    "shutil.",
    "socket.",
    "subprocess.",
    "sys.",
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool fail(const tn__pickle *p, const char *reason)
{
    tn__file_fail(p->file, "pickle: %s at byte %lld", reason,
                  (long long)(p->in->position - p->start));
    return false;
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

/* Deflate can make a large pickle out of a small file, so the size of the file limits the memory
 * for values. It limits their number too, which has 31 bits. */
static bool check_room(const tn__pickle *p, int64_t count, size_t size)
{
    int64_t limit = tn__file_bound(p->file, FIXED_SIZE, EXPANSION);
    int64_t taken = p->n_values * (int64_t)sizeof(tn__value) +
                    p->n_links * (int64_t)sizeof *p->links + p->n_text +
                    (p->n_stack + p->n_memo) * (int64_t)sizeof *p->stack;
    if (count <= (limit - taken) / (int64_t)size &&
        p->n_values + p->n_links + p->n_stack < INT32_MAX)
        return true;
    return tn__file_fail(p->file,
                         "pickle: its values take more than %lld bytes, %d for each byte of the "
                         "file",
                         (long long)limit, EXPANSION);
}

static bool reserve(tn__pickle *p, void *array, int64_t *capacity, int64_t count, size_t size)
{
    if (count <= *capacity)
        return true;
    return check_room(p, count - *capacity, size) &&
           tn__reserve(p->file->ctx, array, capacity, count, size);
}

/* Values, which take the most room, are in blocks that stay where they are. */
static bool reserve_values(tn__pickle *p)
{
    int64_t block = p->n_values / TN__BLOCK_VALUES;
    if (p->n_values % TN__BLOCK_VALUES != 0)
        return true;
    if (!reserve(p, &p->blocks, &p->blocks_capacity, block + 1, sizeof *p->blocks) ||
        !check_room(p, TN__BLOCK_VALUES, sizeof(tn__value)))
        return false;
    p->blocks[block] = tn__alloc(p->file->ctx, TN__BLOCK_VALUES * sizeof(tn__value));
    return p->blocks[block] != NULL;
}

static bool push_number(tn__pickle *p, int64_t number)
{
    if (!reserve(p, &p->stack, &p->stack_capacity, p->n_stack + 1, sizeof *p->stack))
        return false;
    p->stack[p->n_stack++] = (int32_t)number;
    return true;
}

static bool add_value(tn__pickle *p, tn__value value)
{
    if (!reserve_values(p))
        return false;
    *tn__pickle_value(p, p->n_values++) = value;
    return true;
}

static bool push(tn__pickle *p, tn__value value)
{
    return add_value(p, value) && push_number(p, p->n_values - 1);
}

static bool push_integer(tn__pickle *p, int64_t value)
{
    if (value >= 0 && value < 256)
        return push_number(p, INTEGERS + value);
    return push(p, (tn__value){.kind = TN__INT, .u.integer = value});
}

static tn__value container(tn__value_kind kind)
{
    return (tn__value){.kind = (unsigned char)kind, .u.items = {-1, -1, -1}};
}

static bool add_constants(tn__pickle *p)
{
    bool ok = add_value(p, container(TN__LIST)) && add_value(p, (tn__value){.kind = TN__NONE});
    for (int i = 0; ok && i < 256; i++)
        ok = add_value(p, (tn__value){.kind = TN__INT, .u.integer = i});
    return ok && add_value(p, container(TN__TUPLE));
}

/* The value on top, which may have to be of a kind; NULL if it is not there. */
static tn__value *top(tn__pickle *p)
{
    if (p->n_stack > 0 && p->stack[p->n_stack - 1] != MARK)
        return tn__pickle_value(p, p->stack[p->n_stack - 1]);
    fail(p, "a value is missing");
    return NULL;
}

static bool pop(tn__pickle *p, int32_t *number)
{
    if (!top(p))
        return false;
    *number = p->stack[--p->n_stack];
    return true;
}

/* Where on the stack the values after the last mark begin. */
static bool find_mark(const tn__pickle *p, int64_t *from)
{
    for (*from = p->n_stack; *from > 0; --*from)
        if (p->stack[*from - 1] == MARK)
            return true;
    return fail(p, "a mark is missing");
}

/* Adds a value to a container. A pickle can use a list again and again in little room, so there is
 * a limit. */
static bool add_item(tn__pickle *p, tn__value *to, int32_t number)
{
    if (p->n_links >= 2 * used(p))
        return fail(p, "it has used the same values too often");
    if (!reserve(p, &p->links, &p->links_capacity, p->n_links + 1, sizeof *p->links))
        return false;
    int32_t link = (int32_t)p->n_links++;
    p->links[link] = (tn__link){number, -1};
    *(to->u.items.last < 0 ? &to->u.items.first : &p->links[to->u.items.last].next) = link;
    to->u.items.last = link;
    return true;
}

/* Adds to a container what is on the stack from `from` on. */
static bool add_items(tn__pickle *p, tn__value *to, int64_t from)
{
    for (int64_t i = from; i < p->n_stack; i++)
        if (!add_item(p, to, p->stack[i]))
            return false;
    p->n_stack = from;
    return true;
}

static bool push_container(tn__pickle *p, tn__value_kind kind, int64_t from)
{
    tn__value value = container(kind);
    return add_items(p, &value, from) && push(p, value);
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
    int64_t from;
    (void)unused;
    if (!find_mark(p, &from))
        return false;
    p->n_stack = from - 1;
    return true;
}

static bool op_duplicate(tn__pickle *p, int unused)
{
    (void)unused;
    return top(p) && push_number(p, p->stack[p->n_stack - 1]);
}

static bool op_none(tn__pickle *p, int unused)
{
    (void)unused;
    return push_number(p, NONE);
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

/* Bytes whose number takes `size` bytes. */
static bool take_text(tn__pickle *p, int size, tn__value *text)
{
    uint64_t length;
    if (!take_number(p, size, &length))
        return false;
    if (length > (uint64_t)left(p)) {
        tn__file_fail(p->file, "pickle: text of %llu bytes begins where %lld are left",
                      (unsigned long long)length, (long long)left(p));
        return false;
    }
    int64_t at = p->n_text, end = at + (int64_t)length;
    if (!reserve(p, &p->text, &p->text_capacity, end + 1, 1) ||
        !take(p, p->text + at, (int64_t)length))
        return false;
    p->text[end] = '\0';
    p->n_text = end + 1;
    *text = (tn__value){.kind = TN__BYTES, .u.text = {at, (int64_t)length}};
    return true;
}

static bool op_bytes(tn__pickle *p, int size)
{
    tn__value bytes;
    return take_text(p, size, &bytes) && push(p, bytes);
}

static bool op_text(tn__pickle *p, int size)
{
    tn__value text;
    if (!take_text(p, size, &text))
        return false;
    if (!memchr(p->text + text.u.text.at, 0, (size_t)text.u.text.length))
        text.kind = TN__TEXT;
    return push(p, text);
}

/* An integer of any length, in two's complement; more than 64 bits stay bytes. */
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
    return fail(p, "a line that is too long ends");
}

/* Copies text behind the text so far. */
static bool add_text(tn__pickle *p, const char *text, tn__value *value)
{
    int64_t at = p->n_text, length = (int64_t)strlen(text);
    if (!reserve(p, &p->text, &p->text_capacity, at + length + 1, 1))
        return false;
    memcpy(p->text + at, text, (size_t)length + 1);
    p->n_text = at + length + 1;
    value->u.text.at = at;
    value->u.text.length = length;
    return true;
}

/* An integer in decimal, as protocol 1 has it; "00" and "01" are False and True. */
static bool op_decimal(tn__pickle *p, int unused)
{
    char line[MAX_NAME];
    tn__value text = {.kind = TN__BYTES};
    (void)unused;
    if (!take_line(p, line))
        return false;
    size_t sign = line[0] == '-', digits = strspn(line + sign, "0123456789");
    if (digits == 0 || strcmp(line + sign + digits, line[sign + digits] == 'L' ? "L" : "") != 0)
        return fail(p, "something else than an integer ends");
    if (digits <= 18)
        return push_integer(p, strtoll(line, NULL, 10));
    return add_text(p, line, &text) && push(p, text);
}

static bool op_empty(tn__pickle *p, int kind)
{
    return kind == TN__TUPLE ? push_number(p, EMPTY_TUPLE)
                             : push(p, container((tn__value_kind)kind));
}

/* Whether the last `count` entries of the stack are values (and no mark). */
static bool has_values(tn__pickle *p, int64_t count)
{
    bool ok = p->n_stack >= count;
    for (int64_t i = 1; ok && i <= count; i++)
        ok = p->stack[p->n_stack - i] != MARK;
    return ok || fail(p, "a value is missing");
}

static bool op_tuple(tn__pickle *p, int count)
{
    return has_values(p, count) && push_container(p, TN__TUPLE, p->n_stack - count);
}

/* What is after the mark replaces it: a tuple, or a set that does not change. */
static bool op_container_of_mark(tn__pickle *p, int kind)
{
    int64_t from;
    int32_t number;
    if (!find_mark(p, &from) || !push_container(p, (tn__value_kind)kind, from) || !pop(p, &number))
        return false;
    p->stack[p->n_stack - 1] = number;
    return true;
}

/* The container below what is on the stack from `from` on. What is opaque takes anything. */
static bool add_to(tn__pickle *p, int64_t from, tn__value_kind kind, int64_t below)
{
    int64_t number = below > 0 ? p->stack[below - 1] : MARK;
    if (number == MARK || (tn__pickle_value(p, number)->kind != kind &&
                           tn__pickle_value(p, number)->kind != TN__OPAQUE))
        return fail(p, kind == TN__DICT ? "a dictionary is missing" : "a list is missing");
    if (kind == TN__DICT && (p->n_stack - from) % 2 != 0)
        return fail(p, "a value is missing");
    if (!add_items(p, tn__pickle_value(p, number), from))
        return false;
    p->n_stack = below;
    return true;
}

static bool op_append(tn__pickle *p, int kind)
{
    int64_t count = kind == TN__DICT ? 2 : 1;
    return has_values(p, count) &&
           add_to(p, p->n_stack - count, (tn__value_kind)kind, p->n_stack - count);
}

static bool op_append_mark(tn__pickle *p, int kind)
{
    int64_t from;
    return find_mark(p, &from) && add_to(p, from, (tn__value_kind)kind, from - 1);
}

/* The places of the memo are used in order: there are no more than bytes. */
static bool put_memo(tn__pickle *p, uint64_t place)
{
    if (!top(p))
        return false;
    if (place >= (uint64_t)used(p))
        return fail(p, "a place that the memo does not have is used");
    int64_t count = (int64_t)place + 1;
    if (!reserve(p, &p->memo, &p->memo_capacity, count, sizeof *p->memo))
        return false;
    while (p->n_memo < count)
        p->memo[p->n_memo++] = MARK;
    p->memoized += p->memo[place] == MARK;
    p->memo[place] = p->stack[p->n_stack - 1];
    return true;
}

static bool op_put(tn__pickle *p, int size)
{
    uint64_t place;
    return take_number(p, size, &place) && put_memo(p, place);
}

/* The place has the number of those that are used, which another value may have. */
static bool op_memoize(tn__pickle *p, int unused)
{
    (void)unused;
    return put_memo(p, (uint64_t)p->memoized);
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

static bool check_name(const tn__pickle *p, const char *name)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strncmp(name, refused[i], strlen(refused[i])) == 0)
            return tn__file_fail(p->file,
                                 "it refers to %.160s; tensors of real numbers in dictionaries, "
                                 "lists and tuples are all that is read",
                                 name);
    return true;
}

/* The name of an unknown one is kept for messages, its beginning at least. */
static bool push_class(tn__pickle *p, const char *module, const char *name)
{
    char full[MAX_NAME];
    tn__value class = {.kind = TN__CLASS};
    for (size_t i = 1; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(module, classes[i].module) == 0 && strcmp(name, classes[i].name) == 0) {
            class.row = (unsigned char)i;
            return push(p, class);
        }
    snprintf(full, sizeof full, "%.80s.%.80s", module, name);
    return check_name(p, full) && add_text(p, full, &class) && push(p, class);
}

static bool op_class(tn__pickle *p, int unused)
{
    char module[MAX_NAME], name[MAX_NAME];
    (void)unused;
    return take_line(p, module) && take_line(p, name) && push_class(p, module, name);
}

/* The name of a module, or a name in it, from the stack; it stays until text is added. */
static const char *pop_name(tn__pickle *p)
{
    int32_t number;
    if (!pop(p, &number))
        return NULL;
    const tn__value *v = tn__pickle_value(p, number);
    if (v->kind == TN__TEXT && v->u.text.length < MAX_NAME)
        return tn__pickle_text(p, v);
    fail(p, v->kind == TN__TEXT ? "a name that is too long is used" : "a name is missing");
    return NULL;
}

static bool op_class_of_stack(tn__pickle *p, int unused)
{
    const char *name = pop_name(p), *module = name ? pop_name(p) : NULL;
    (void)unused;
    return module && push_class(p, module, name);
}

/* A call of OrderedDict makes a dictionary, of a list of pairs if there is one. */
static bool push_ordered_dict(tn__pickle *p, int64_t arguments)
{
    int64_t list;
    int64_t count = tn__pickle_items(p, arguments, &list, 1);
    tn__value dict = container(TN__DICT);
    if (count == 0)
        return push(p, dict);
    if (count != 1 || tn__pickle_value(p, list)->kind != TN__LIST)
        return fail(p, "an OrderedDict is made of something else than pairs");
    for (int32_t link = tn__pickle_value(p, list)->u.items.first; link >= 0;
         link = p->links[link].next) {
        int64_t pair[2];
        if (tn__pickle_items(p, p->links[link].value, pair, 2) != 2)
            return fail(p, "an OrderedDict is made of something else than pairs");
        if (!add_item(p, &dict, (int32_t)pair[0]) || !add_item(p, &dict, (int32_t)pair[1]))
            return false;
    }
    return push(p, dict);
}

/* Describes what `maker` would make from the tuple of arguments. */
static bool push_opaque(tn__pickle *p, int32_t maker, int32_t arguments)
{
    tn__value opaque = container(TN__OPAQUE);
    bool by_opaque = tn__pickle_value(p, maker)->kind == TN__OPAQUE;
    opaque.u.items.maker = by_opaque ? tn__pickle_value(p, maker)->u.items.maker : maker;
    return (!by_opaque || add_item(p, &opaque, maker)) && add_item(p, &opaque, arguments) &&
           push(p, opaque);
}

/* What would make the values that the dictionary lacks is kept as an attribute. */
static bool push_default_dict(tn__pickle *p, int32_t callee, int32_t arguments)
{
    int64_t factory, count = tn__pickle_items(p, arguments, &factory, 1);
    if (count > 1)
        return push_opaque(p, callee, arguments);
    return push(p, container(TN__DICT)) &&
           (count == 0 || add_item(p, tn__pickle_value(p, TN__ATTRIBUTES), (int32_t)factory));
}

static bool push_call(tn__pickle *p, int32_t callee, int32_t arguments)
{
    tn__class class = tn__pickle_class(tn__pickle_value(p, callee));
    switch (class) {
    case TN__ORDERED_DICT:
        return push_ordered_dict(p, arguments);
    case TN__DEFAULT_DICT:
        return push_default_dict(p, callee, arguments);
    case TN__STORAGE:
    case TN__BYTES_STORAGE:
    case TN__DTYPE:
        return fail(p, "something that cannot be called is called");
    case TN__UNKNOWN:
    case TN__TENSOR_TYPE:
        return push_opaque(p, callee, arguments);
    default:
        return push(p, (tn__value){.kind = TN__CALL,
                                   .row = tn__pickle_value(p, callee)->row,
                                   .u.arguments = arguments});
    }
}

/* A class or a function, what an opaque value may be, and a class that is saved with its source. */
static bool is_callable(const tn__value *v)
{
    return v->kind == TN__CLASS || v->kind == TN__OPAQUE || v->kind == TN__PERSISTENT;
}

static bool op_call(tn__pickle *p, int unused)
{
    int32_t arguments, callee;
    (void)unused;
    if (!pop(p, &arguments) || !pop(p, &callee))
        return false;
    if (!is_callable(tn__pickle_value(p, callee)) ||
        tn__pickle_value(p, arguments)->kind != TN__TUPLE)
        return fail(p, "something that cannot be called is called");
    if (tn__pickle_value(p, callee)->kind == TN__CLASS)
        return push_call(p, callee, arguments);
    return push_opaque(p, callee, arguments);
}

/* An object of a class, of a tuple and a dictionary of named arguments. */
static bool op_call_by_name(tn__pickle *p, int unused)
{
    int32_t named, arguments, callee;
    (void)unused;
    if (!pop(p, &named) || !pop(p, &arguments) || !pop(p, &callee))
        return false;
    if (!is_callable(tn__pickle_value(p, callee)))
        return fail(p, "something that cannot be called is called");
    return push_opaque(p, callee, arguments) && add_item(p, top(p), named);
}

static bool op_persistent(tn__pickle *p, int unused)
{
    int32_t tuple;
    (void)unused;
    return pop(p, &tuple) && push(p, (tn__value){.kind = TN__PERSISTENT, .u.arguments = tuple});
}

/* The attributes of a dictionary (PyTorch's _metadata) are kept apart from its items. */
static bool op_build(tn__pickle *p, int unused)
{
    int32_t state;
    (void)unused;
    if (!pop(p, &state) || !top(p))
        return false;
    if (top(p)->kind == TN__OPAQUE)
        return add_item(p, top(p), state);
    return top(p)->kind == TN__DICT ? add_item(p, tn__pickle_value(p, TN__ATTRIBUTES), state)
                                    : fail(p, "something else than a dictionary has attributes");
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
    ['C'] = {op_bytes, 1},
    ['B'] = {op_bytes, 4},
    [0x8e] = {op_bytes, 8},
    [0x96] = {op_bytes, 8},
    ['I'] = {op_decimal, 0},
    ['L'] = {op_decimal, 0},
    [')'] = {op_empty, TN__TUPLE},
    [']'] = {op_empty, TN__LIST},
    ['}'] = {op_empty, TN__DICT},
    [0x85] = {op_tuple, 1},
    [0x86] = {op_tuple, 2},
    [0x87] = {op_tuple, 3},
    ['t'] = {op_container_of_mark, TN__TUPLE},
    [0x8f] = {op_empty, TN__OPAQUE},
    [0x90] = {op_append_mark, TN__OPAQUE},
    [0x91] = {op_container_of_mark, TN__OPAQUE},
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
    [0x81] = {op_call, 0},
    [0x92] = {op_call_by_name, 0},
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

/* Once all is read, nobody needs the stack and the memo. */
bool tn__pickle_read(tn__pickle *p, tn__pickle_input *in)
{
    *p = (tn__pickle){.in = in, .file = tn__stream_file(in->s), .start = in->position};
    bool ok = add_constants(p) && run(p);
    tn__free(p->file->ctx, p->stack);
    tn__free(p->file->ctx, p->memo);
    p->stack = p->memo = NULL;
    return ok;
}

void tn__pickle_free(tn__pickle *p)
{
    if (!p->file)
        return;
    for (int64_t i = 0; i * TN__BLOCK_VALUES < p->n_values; i++)
        tn__free(p->file->ctx, p->blocks[i]);
    tn__free(p->file->ctx, p->blocks);
    tn__free(p->file->ctx, p->links);
    tn__free(p->file->ctx, p->text);
}

tn__value *tn__pickle_value(const tn__pickle *p, int64_t number)
{
    return &p->blocks[number / TN__BLOCK_VALUES][number % TN__BLOCK_VALUES];
}

const char *tn__pickle_text(const tn__pickle *p, const tn__value *value)
{
    return p->text + value->u.text.at;
}

tn__class tn__pickle_class(const tn__value *value)
{
    return value->kind == TN__CLASS || value->kind == TN__CALL ? classes[value->row].class
                                                               : TN__UNKNOWN;
}

tn__number tn__pickle_number(const tn__value *value)
{
    return classes[value->row].number;
}

const char *tn__pickle_name(const tn__pickle *p, const tn__value *value)
{
    if (value->kind == TN__OPAQUE && value->u.items.maker >= 0)
        value = tn__pickle_value(p, value->u.items.maker);
    if (value->kind == TN__OPAQUE)
        return "set";
    if (value->kind != TN__CLASS)
        return "a class that is saved with its source";
    return value->row ? classes[value->row].name : p->text + value->u.text.at;
}

int64_t tn__pickle_items(const tn__pickle *p, int64_t number, int64_t *items, int64_t most)
{
    const tn__value *v = tn__pickle_value(p, number);
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
