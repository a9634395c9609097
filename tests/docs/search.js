/* The search of the reference finds first what is meant: node search.js PAGES */
'use strict';
const fs = require('fs');
const pages = process.argv[2];
const element = () => ({addEventListener() {}, form: {addEventListener() {}}});
const find = new Function('document', 'location', 'matchMedia',
    fs.readFileSync(pages + '/index.js', 'utf8') + fs.readFileSync(pages + '/search.js', 'utf8') + '; return search;')(
    {getElementById: element, addEventListener() {}}, {search: ''}, () => ({matches: false}));

const wanted = {
    'tn_conv2d': 'tn_conv2d',
    'conv2d': 'tn_conv2d',
    'shape': 'TN_SHAPE tn_shape',
    'ERR_SHAPE': 'TN_ERR_SHAPE',
    'torch.nn.BatchNorm2d': 'tn_nn_batch_norm2d',
    'adamw': 'tn_adamw',
    'weight_decay': 'tn_sgd_opts tn_adam_opts tn_adamw_opts tn_rmsprop_opts tn_group_opts',
    'gradient check': 'gradient check',
    'numpy.arange': 'tn_arange',
    'cross-entropy': 'tn_cross_entropy',
    'CrossEntropyLoss': 'tn_cross_entropy',
    'StepLR': 'tn_step_lr',
    'optimizers': 'optimisers',
    'DataLoader': 'tn_loader_from tn_loader_new',
    'sampler': 'tn_balanced_weights',
    'no_grad': 'tn_set_grad_enabled',
    'num_workers': 'tn_loader_opts',
    '__getitem__': 'tn_loader_from',
    'F.cross_entropy(out, y)': 'tn_cross_entropy',
    'F.relu': 'tn_relu tn_nn_relu',
    'tn_loader_opts.prefetch': 'tn_loader_opts',
};
let bad = 0;
for (const [text, names] of Object.entries(wanted)) {
    const found = find(text).map(entry => entry[0]);
    if (names.split(' ').includes(found[0]) || found[0] === names) continue;
    console.log(`search.js: "${text}" finds ${found.slice(0, 3).join(', ')} and not ${names}`);
    bad = 1;
}
if (find('zzzz').length || find('a'.repeat(1e6)).length || find(' ').length || find('(').length > 40) {
    console.log('search.js: nothing is found by words that are nowhere');
    bad = 1;
}
process.exit(bad);
