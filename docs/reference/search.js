/* The search over `names` (index.js): [name, address, kind, what it is, other names, what else is said of it]. */
'use strict';

const box = document.getElementById('search');
const list = document.getElementById('found');
let chosen = 0;

/* In small letters, and with one spelling of optimizer and optimiser. */
const plain = text => text.toLowerCase().replace(/iz(?=[aei])/g, 'is');

/* What words are compared with, once for all searches. */
const compared = names.map(entry => entry.map(plain));

/* Where a word of a text begins so; -1 if none does. */
const place = (text, word) =>
    text.search(new RegExp('(^|[^a-z0-9])' + word.replace(/[^a-z0-9_]/g, '\\$&')));

/* How well an entry fits one word; 0 if it does not. tn_ and TN_ need not be typed, nor the _ between words, which
 * PyTorch's names of classes have not. */
function fit(entry, word) {
    const name = entry[0];
    const bare = name.replace(/^tn_(err_|nn_)?/, '');
    const wanted = word.replace(/^tn_/, '');
    if (name === word) return 100;
    if (bare === wanted) return 90;
    if (bare.replace(/_/g, '') === wanted) return 80;
    if (bare.startsWith(wanted)) return 70 - bare.length / 10;
    if (name.includes('_' + wanted)) return 55 - name.length / 10;
    if (name.includes(wanted)) return 45 - name.length / 10;
    const others = entry[4].split(' ');
    if (others.some(other => other === word || other.endsWith('.' + word))) return 40;
    if (others.some(other => other.includes(word))) return 25;
    const at = place(entry[3], word);
    if (at >= 0) return 20 - Math.min(at, 90) / 10;
    if (place(entry[5], word) >= 0) return 5;
    return word.length > 3 && entry[5].includes(word) ? 3 : 0;
}

/* A name with a module before it, as F.relu, or a member's with its struct, fits by its last part, too. */
function fit_part(entry, word) {
    const last = word.replace(/.*[.](?=.)/, '');
    return last === word ? fit(entry, word) : Math.max(fit(entry, word), fit(entry, last));
}

function search(text) {
    const words = plain(text.slice(0, 100)).replace(/(\w)[(].*/, '$1').split(/[\s,()-]+/).filter(word => word);
    const found = [];
    if (!words.length) return found;
    names.forEach((entry, i) => {
        const fits = words.map(word => fit_part(compared[i], word));
        if (fits.every(score => score > 0))
            found.push([fits.reduce((a, b) => a + b) + (entry[2] === 'function' ? 2 : 0), entry]);
    });
    found.sort((a, b) => b[0] - a[0] || (a[1][0] < b[1][0] ? -1 : 1));
    return found.slice(0, 40).map(pair => pair[1]);
}

function add(parent, tag, kind, text) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text) made.textContent = text;
    parent.append(made);
    return made;
}

function show() {
    const found = search(box.value);
    list.replaceChildren();
    list.hidden = !box.value.trim();
    chosen = 0;
    for (const entry of found) {
        const link = add(add(list, 'li'), 'a');
        link.href = entry[1];
        add(link, 'span', 'kind', entry[2]);
        add(link, 'code', '', entry[0]);
        if (entry[3]) add(link, 'span', 'what', entry[3]);
    }
    if (!found.length) add(list, 'li', 'none', 'Nothing has this name, and nothing that is said these words.');
    choose(0);
}

function choose(n) {
    const items = list.querySelectorAll('li:not(.none)');
    if (!items.length) return;
    items[chosen]?.classList.remove('on');
    chosen = (n + items.length) % items.length;
    items[chosen].classList.add('on');
    items[chosen].scrollIntoView({block: 'nearest'});
}

function go() {
    const link = list.querySelector('.on a');
    if (!link) return;
    list.hidden = true;
    location.href = link.href;
}

box.addEventListener('input', show);
box.addEventListener('focus', show);
box.form.addEventListener('submit', event => { event.preventDefault(); go(); });
box.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown') choose(chosen + 1);
    else if (event.key === 'ArrowUp') choose(chosen - 1);
    else if (event.key === 'Escape') { list.hidden = true; box.blur(); }
    else return;
    event.preventDefault();
});
document.addEventListener('keydown', event => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.target === box) return;
    event.preventDefault();
    box.focus();
    box.select();
});
document.addEventListener('click', event => {
    if (!box.form.contains(event.target)) list.hidden = true;
});
list.addEventListener('click', () => { list.hidden = true; });

/* index.html?q=conv shows what is found for that. */
const asked = new URLSearchParams(location.search).get('q');
if (asked) {
    box.value = asked;
    box.focus();
    show();
}

/* On narrow screens the contents begin closed. */
if (matchMedia('(max-width: 60rem)').matches)
    document.querySelector('.contents details').open = false;
