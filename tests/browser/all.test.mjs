// Everything against one server. One part alone: `bin/test browser tests/browser/wizard.mjs`.
import './job.mjs';
import './wizard.mjs';
import './customer.mjs';
import './imports.mjs';
import './offline.mjs';
import './pages.mjs';
import './live.mjs';
import './queue.mjs';
import './typed.mjs';
import './looks.mjs';
import './engines.mjs';
