// The demo page: sends a text, follows the status of its job, and shows the image.
//
// send → watch (an event stream, or polling if none is available) → show, until a final state

const MAX_STREAMS = 4; // a browser opens six HTTP/1.1 connections per host: two stay free for forms and images
const MAX_CARDS = 100;
const SILENCE_MS = 15_000; // without a first event by then, a proxy is probably buffering the stream
const STREAM_AGAIN_MS = 10_000;
const FINAL = new Set(['succeeded', 'dead', 'cancelled', 'refused', 'lost']);

const form = document.getElementById('form');
const field = document.getElementById('text');
const list = document.getElementById('jobs');
let streams = 0;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  send(addCard(field.value));
  field.value = '';
  field.focus();
});

for (const idea of document.querySelectorAll('.idea')) {
  idea.addEventListener('click', () => send(addCard(idea.textContent)));
}

// Cards

function addCard(text) {
  const card = document.getElementById('card').content.cloneNode(true).firstElementChild;
  const part = (name) => card.querySelector(name);
  const job = { card, part, text, close: () => {}, streamAfter: 0 }; // the rest is set by `send`
  part('.text').textContent = text;
  part('progress').setAttribute('aria-label', `Progress of ${text}`);
  part('.cancel').addEventListener('click', () => cancel(job));
  part('.again').addEventListener('click', () => send(job));
  list.prepend(card);
  const oldest = list.lastElementChild;
  if (list.children.length > MAX_CARDS && FINAL.has(oldest.dataset.state)) oldest.remove();
  return job;
}

/** Shows the current state of a job: its state, one line of text, and its progress. */
function show(job, { state, line, done = null, total = null }) {
  if (job.final) return;
  const { card, part } = job;
  const news = card.dataset.state !== state && state !== 'sending';
  job.final = FINAL.has(state);
  card.dataset.state = state;
  part('.status').textContent = line;
  part('progress').hidden = job.final;
  showProgress(job, done, total);
  showButton(job, '.cancel', !job.final && job.id !== null);
  showButton(job, '.again', ['dead', 'cancelled', 'lost'].includes(state));
  if (news) document.getElementById('news').textContent = `${job.text}: ${line}`;
  if (!job.final) return;
  job.close();
  if (state !== 'succeeded') return;
  part('.answered').textContent += job.cached ? ', image from the cache' : `, drawn after ${seconds(job.sent)}`;
  showPicture(job);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function showProgress({ card, part }, done, total) {
  if (total > 0) {
    part('progress').value = done / total;
    card.style.setProperty('--drawn', done / total);
  } else {
    part('progress').removeAttribute('value');
  }
}

function showButton({ card, part }, name, visible) {
  const button = part(name);
  if (button.hidden !== visible) return;
  if (!visible) moveFocus(card, button);
  button.hidden = !visible;
  button.disabled = false;
}

/** Moves the focus from a button that disappears to its card, so that keyboard users keep their place on the page. */
function moveFocus(card, button) {
  if (document.activeElement === button) card.focus();
}

function showPicture(job) {
  const { card, part, text, filename } = job;
  const picture = new Image(433, 153);
  picture.alt = `${text.replaceAll('_', ' ')}, animated in rainbow colours`;
  picture.src = `/image/${encodeURIComponent(filename)}`;
  picture.addEventListener('load', () => {
    offerPause(job, picture);
    part('.download').href = picture.src;
    part('.download').download = `${text.replace(/[^\w-]+/g, '_')}.gif`;
    part('.download').hidden = false;
    document.querySelector('#cargo rect:not(.aboard)')?.classList.add('aboard');
  });
  picture.addEventListener('error', () => {
    card.dataset.state = 'lost';
    part('.status').textContent = 'complete, but the image could not be loaded';
    showButton(job, '.again', true);
  });
  part('.paper').replaceChildren(picture);
}

/** Adds a button that pauses the animation. It starts paused if the user prefers reduced motion. */
function offerPause({ part }, picture) {
  const still = document.createElement('canvas');
  still.width = picture.naturalWidth;
  still.height = picture.naturalHeight;
  still.getContext('2d').drawImage(picture, 0, 0);
  still.setAttribute('role', 'img');
  still.setAttribute('aria-label', picture.alt);
  part('.paper').append(still);
  const pause = (paused) => {
    still.hidden = !paused;
    picture.hidden = paused;
    part('.pause').textContent = paused ? 'Play' : 'Pause';
  };
  part('.pause').onclick = () => pause(still.hidden);
  part('.pause').hidden = false;
  pause(matchMedia('(prefers-reduced-motion: reduce)').matches);
}

// Sending

async function send(job) {
  Object.assign(job, { id: null, filename: null, sent: performance.now(), final: false, unknown: 0 });
  for (const name of ['.pause', '.download', '.details']) job.part(name).hidden = true;
  job.part('.answered').textContent = '';
  show(job, { state: 'sending', line: 'sending' });
  const { response, answer } = await post('/image_queue', new URLSearchParams({ text: job.text }));
  if (!response?.ok || !answer.filename) return refuse(job, response, answer);

  const took = `${Math.max(1, Math.round(performance.now() - job.sent))} ms`;
  job.cached = answer.job_status === 'done';
  job.filename = answer.filename;
  job.id = answer.id ?? answer.filename.replace(/\.gif$/, '');
  job.card.dataset.id = job.id;
  job.part('.answered').textContent = `answered in ${took}`;
  job.part('.details').href = `/v1/jobs/${job.id}`;
  job.part('.details').hidden = false;
  document.getElementById('lately').textContent = ` (your last request took ${took})`;
  show(job, job.cached ? { state: 'succeeded', line: 'complete' } : { state: 'ready', line: 'queued' });
  if (!job.cached) watch(job);
}

/** Returns no response if the server could not be reached, and an empty answer if it did not send JSON. */
async function post(path, body, headers = {}) {
  try {
    const response = await fetch(path, { method: 'POST', headers, body, signal: AbortSignal.timeout(30_000) });
    return { response, answer: await response.json().catch(() => ({})) };
  } catch {
    return { response: null, answer: {} };
  }
}

function refuse(job, response, answer) {
  const status = response?.status ?? 0;
  const wait = Number.parseInt(response?.headers.get('retry-after'), 10) || 0;
  const soon = wait > 0 ? `Please try again in ${wait} s.` : 'Please try again in a moment.';
  const words = {
    0: `The server cannot be reached. ${soon}`,
    429: `There are too many requests. ${soon}`,
    503: `The server is too busy. ${soon}`,
  };
  const own = answer.error ? `Not sent: ${answer.error}` : `The server has a problem. ${soon}`;
  show(job, { state: 'refused', line: words[status] ?? own });
  if (status >= 400 && status < 500 && status !== 429) {
    field.value ||= job.text; // the text is invalid: put it back into the form to be corrected
    return;
  }
  showButton(job, '.again', true);
  job.part('.again').disabled = wait > 0;
  setTimeout(() => { job.part('.again').disabled = false; }, wait * 1000);
}

async function cancel(job) {
  moveFocus(job.card, job.part('.cancel'));
  job.part('.cancel').disabled = true;
  const { response, answer } = await post(`/v1/jobs/${job.id}/cancel`, '{}', { 'content-type': 'application/json' });
  if (answer.state === 'cancelled') show(job, fromEvent(answer));
  if (!response?.ok) job.part('.cancel').disabled = false;
}

// Following a job

function watch(job) {
  if (streams < MAX_STREAMS && Date.now() >= job.streamAfter) listen(job);
  else poll(job);
}

function listen(job) {
  streams += 1;
  let errors = 0;
  const source = new EventSource(`/v1/jobs/${job.id}/events`);
  const giveUp = () => {
    job.close();
    job.streamAfter = Date.now() + STREAM_AGAIN_MS;
    poll(job);
  };
  const silence = setTimeout(giveUp, SILENCE_MS);
  job.close = () => {
    source.close();
    clearTimeout(silence);
    streams -= 1;
    job.close = () => {};
  };
  source.addEventListener('status', (event) => {
    errors = 0;
    clearTimeout(silence);
    show(job, fromEvent(JSON.parse(event.data)));
  });
  source.addEventListener('error', () => {
    errors += 1;
    if (source.readyState === EventSource.CLOSED || errors >= 3) giveUp();
  });
}

/** Polls with increasing delays, until the job has ended or a stream is available. */
async function poll(job) {
  let asking = true;
  job.close = () => { asking = false; };
  for (let delay = 250; asking; delay = Math.min(delay * 1.5, 2000)) {
    await new Promise((wake) => setTimeout(wake, delay));
    if (!asking) return;
    if (streams < MAX_STREAMS && Date.now() >= job.streamAfter) return listen(job);
    try {
      const response = await fetch(`/image_status?job_id=${job.id}`, { signal: AbortSignal.timeout(10_000) });
      const answer = await response.json();
      if (asking && response.ok) show(job, fromStatus(job, answer.job_status));
    } catch {
      // The server was not reached; the next iteration tries again.
    }
  }
}

function fromEvent({ state, progress, attempt, max_attempts, reason }) {
  const line = {
    running: runningLine(progress),
    succeeded: 'complete',
    dead: reason ? `Failed: ${reason}` : 'Failed',
    cancelled: 'cancelled',
  }[state] ?? (attempt > 0 ? `waiting to try again (attempt ${attempt} of ${max_attempts})` : 'queued');
  return { state, line, done: progress?.done, total: state === 'running' ? progress?.total : null };
}

function runningLine(progress) {
  const message = progress?.message || 'Processing';
  return progress?.total ? `${message} ${progress.done}/${progress.total}` : message;
}

function fromStatus(job, line) {
  const [, done, total] = /(\d+)\/(\d+)$/.exec(line) ?? [];
  job.unknown = line === 'Unknown' ? job.unknown + 1 : 0;
  if (job.unknown >= 5) return { state: 'lost', line: 'The job was not found.' };
  if (line === 'queued' || line === 'Unknown') return { state: 'ready', line: 'queued' };
  if (line === 'complete') return { state: 'succeeded', line };
  if (line === 'cancelled') return { state: 'cancelled', line };
  if (line.startsWith('Failed')) return { state: 'dead', line };
  return { state: 'running', line, done: Number(done), total: Number(total) };
}
