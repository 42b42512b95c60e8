//! The table of functions that SQLite calls instead of the operating system.
//!
//! SQLite guarantees the following to its file layer, and every SAFETY comment here relies on it: pointers that it
//! passes are valid during the call; the memory of a file belongs to the layer from `xOpen` to `xClose`; no two calls
//! on one file overlap.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use rusqlite::ffi;

use crate::disk::{Disk, Inode};
use crate::hang::Gate;
use crate::lock::{Busy, FileLock, Level, ShmLock, Slots};

/// A disk, the locks on its files, and the power switch.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    disk: Mutex<Disk>,
    traffic: Mutex<HashMap<Inode, Traffic>>,
    off: AtomicBool,
    changes: AtomicU64,
    cut_at: AtomicU64,
    /// Whether no temporary file can be created.
    no_temporary_files: AtomicBool,
    /// Blocks the next sync of a WAL or of a database.
    hang: Mutex<Option<(bool, Arc<Gate>)>>,
}

/// The handles of one file and their shared state.
#[derive(Debug, Default)]
struct Traffic {
    handles: usize,
    lock: FileLock,
    shm: ShmLock,
    mapped: usize,
    regions: Vec<Region>,
}

/// A region of shared memory. It is not moved while a handle has it mapped.
#[derive(Debug)]
struct Region(*mut [u64]);

impl Region {
    fn new(bytes: usize) -> Self {
        Region(Box::into_raw(vec![0; bytes.div_ceil(8)].into_boxed_slice()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it came out of a box in `new`, and regions are dropped only when no handle has them mapped.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

// SAFETY: this crate neither reads nor writes the memory. SQLite does, under its own locks and barriers, from any
// thread.
unsafe impl Send for Region {}

impl Machine {
    pub(crate) fn new(disk: Disk) -> Self {
        Machine { disk: Mutex::new(disk), ..Machine::default() }
    }

    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn traffic(&self) -> MutexGuard<'_, HashMap<Inode, Traffic>> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::SeqCst)
    }

    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn cut_power_after(&self, n: u64) {
        self.cut_at.store(self.changes() + n, Ordering::SeqCst);
    }

    pub(crate) fn refuse_temporary_files(&self) {
        self.no_temporary_files.store(true, Ordering::SeqCst);
    }

    /// Cuts the power and removes the disk.
    pub(crate) fn cut_power(&self) -> Disk {
        let mut disk = self.disk();
        self.off.store(true, Ordering::SeqCst);
        std::mem::take(&mut *disk)
    }

    /// Returns the disk while the power is on.
    fn powered(&self) -> Option<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        (!self.is_off()).then_some(disk)
    }

    /// Makes the next sync of a WAL or of a database wait at that gate.
    pub(crate) fn hang_next_sync(&self, log: bool, gate: Arc<Gate>) {
        *self.hang.lock().unwrap_or_else(PoisonError::into_inner) = Some((log, gate));
    }

    /// Waits if a sync of such a file must hang. No lock is held meanwhile.
    fn pass(&self, log: bool) {
        let gate = self.hang.lock().unwrap_or_else(PoisonError::into_inner).take_if(|(wanted, _)| *wanted == log);
        if let Some((_, gate)) = gate {
            gate.pass();
        }
    }

    /// Does a change, unless the power is off. If the power is cut at this change, the change fails but may still reach
    /// the disk.
    fn change(&self, change: impl FnOnce(&mut Disk, bool) -> c_int) -> c_int {
        let Some(mut disk) = self.powered() else { return ffi::SQLITE_IOERR };
        let last = self.changes.fetch_add(1, Ordering::SeqCst) + 1 == self.cut_at.load(Ordering::SeqCst);
        let code = change(&mut disk, last);
        if last {
            self.off.store(true, Ordering::SeqCst);
            return ffi::SQLITE_IOERR;
        }
        code
    }
}

/// The machine's entry in SQLite's list of file layers.
#[derive(Debug)]
pub(crate) struct Registered {
    name: String,
    vfs: AtomicPtr<ffi::sqlite3_vfs>,
}

impl Registered {
    pub(crate) fn new(machine: &Arc<Machine>) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        static INITIALIZED: Once = Once::new();
        let name = format!("lossy-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        // Connections keep pointers to the table, its name and its machine, and may outlive this value, so a few bytes
        // are leaked.
        let c_name = CString::new(name.as_str()).expect("there is no NUL in it").into_raw();
        let machine: *mut Weak<Machine> = Box::into_raw(Box::new(Arc::downgrade(machine)));
        INITIALIZED.call_once(|| {
            // SAFETY: it may be called at any time; a second call does nothing.
            assert_eq!(unsafe { ffi::sqlite3_initialize() }, ffi::SQLITE_OK);
        });
        // SAFETY: null requests the default layer, which exists as long as SQLite is initialised. Its functions for
        // time, sleep, randomness and libraries ignore the layer that they are given, so ours may be passed instead.
        let defaults = unsafe { *ffi::sqlite3_vfs_find(ptr::null()) };
        let vfs = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 2,
            szOsFile: size_of::<Handle>() as c_int,
            pNext: ptr::null_mut(),
            zName: c_name,
            pAppData: machine.cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            ..defaults
        }));
        // SAFETY: the table, its name and its data are never freed.
        assert_eq!(unsafe { ffi::sqlite3_vfs_register(vfs, 0) }, ffi::SQLITE_OK);
        Registered { name, vfs: AtomicPtr::new(vfs) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: it was registered in `new`, and stays valid for connections that still use it.
        unsafe { ffi::sqlite3_vfs_unregister(*self.vfs.get_mut()) };
    }
}

/// An open file as SQLite sees it.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    opened: *mut Opened,
}

/// The state of an open file.
struct Opened {
    machine: Arc<Machine>,
    inode: Inode,
    held: Level,
    slots: Slots,
    mapped: bool,
    is_log: bool,
    /// Whether the first sync also makes its name durable, as SQLite's own layer does for journals and WALs.
    sync_names: bool,
    delete_on_close: Option<String>,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Returns the machine of a file layer, if it still exists.
///
/// # Safety
///
/// `vfs` must have been created by [`Registered::new`].
unsafe fn machine_of(vfs: *mut ffi::sqlite3_vfs) -> Option<Arc<Machine>> {
    // SAFETY: as the caller guarantees, its data is a `Weak` that is never freed.
    unsafe { (*(*vfs).pAppData.cast::<Weak<Machine>>()).upgrade() }
}

/// Returns a name that SQLite passed; `None` for a file without one.
///
/// # Safety
///
/// `name` must be null or end with a NUL.
unsafe fn text(name: *const c_char) -> Option<String> {
    // SAFETY: as the caller guarantees.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes `szOsFile` bytes, and calls `xClose` only where methods are set.
    unsafe { (*file).pMethods = ptr::null() };
    // SAFETY: SQLite passes the layer that the connection was opened with, and a name that ends with NUL.
    let (machine, name) = unsafe { (machine_of(vfs), text(name)) };
    let Some(machine) = machine else { return ffi::SQLITE_CANTOPEN };
    if name.is_none() && machine.no_temporary_files.load(Ordering::SeqCst) {
        return ffi::SQLITE_IOERR_GETTEMPPATH;
    }
    let Some(mut disk) = machine.powered() else { return ffi::SQLITE_IOERR };
    let known = name.as_deref().and_then(|name| disk.look_up(name));
    let inode = match known {
        Some(inode) if flags & ffi::SQLITE_OPEN_EXCLUSIVE == 0 => inode,
        None if flags & ffi::SQLITE_OPEN_CREATE != 0 || name.is_none() => disk.create(name.as_deref()),
        _ => return ffi::SQLITE_CANTOPEN,
    };
    drop(disk);
    machine.traffic().entry(inode).or_default().handles += 1;
    let journal = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
    let opened = Opened {
        machine,
        inode,
        held: Level::None,
        slots: Slots::default(),
        mapped: false,
        is_log: flags & ffi::SQLITE_OPEN_WAL != 0,
        sync_names: known.is_none() && flags & journal != 0,
        delete_on_close: name.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0),
    };
    let base = ffi::sqlite3_file { pMethods: &raw const METHODS };
    let handle = Handle { base, opened: Box::into_raw(Box::new(opened)) };
    // SAFETY: SQLite has allocated `szOsFile` bytes for it, aligned for any type.
    unsafe { file.cast::<Handle>().write(handle) };
    if !out_flags.is_null() {
        // SAFETY: it is not null, so it points to a number.
        unsafe { *out_flags = flags };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    // SAFETY: SQLite passes the layer that the connection was opened with, and a name that ends with NUL.
    let (Some(machine), Some(name)) = (unsafe { (machine_of(vfs), text(name)) }) else { return ffi::SQLITE_IOERR };
    machine.change(|disk, last| {
        let Some(inode) = disk.look_up(&name) else { return ffi::SQLITE_IOERR_DELETE_NOENT };
        disk.unlink(&name);
        if !machine.traffic().contains_key(&inode) {
            disk.forget(inode);
        }
        if sync_dir != 0 && !last {
            disk.sync_names();
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes the layer that the connection was opened with, and a name that ends with NUL.
    let (Some(machine), Some(name)) = (unsafe { (machine_of(vfs), text(name)) }) else { return ffi::SQLITE_IOERR };
    let Some(disk) = machine.powered() else { return ffi::SQLITE_IOERR };
    // An empty file counts as missing, as in SQLite's own layer.
    let is_there = disk.look_up(&name).is_some_and(|inode| !disk.contents(inode).is_empty());
    // SAFETY: SQLite passes a pointer for the answer.
    unsafe { *answer = c_int::from(is_there) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite passes a name that ends with NUL.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if bytes.len() > room as usize {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite passes `room` bytes, which are enough; the two do not overlap.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len()) };
    ffi::SQLITE_OK
}

/// Returns the state of an open file.
///
/// # Safety
///
/// `file` must have been filled by [`open`] and not closed, and no other call on it may be running.
unsafe fn opened<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Opened {
    // SAFETY: as the caller guarantees.
    unsafe { &mut *(*file.cast::<Handle>()).opened }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once and does not use it afterwards.
    let mut opened = unsafe { Box::from_raw((*file.cast::<Handle>()).opened) };
    unmap(&mut opened);
    let Opened { machine, inode, held, delete_on_close, .. } = &mut *opened;
    let mut traffic = machine.traffic();
    let shared = traffic.get_mut(inode).expect("an open file is counted");
    shared.lock.lower(held, Level::None);
    shared.handles -= 1;
    let last = shared.handles == 0;
    if last {
        traffic.remove(inode);
    }
    drop(traffic);
    if let Some(mut disk) = machine.powered() {
        if let Some(name) = delete_on_close {
            disk.unlink(name);
        }
        if last {
            disk.forget(*inode);
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    let Some(disk) = opened.machine.powered() else { return ffi::SQLITE_IOERR };
    // SAFETY: SQLite passes that many bytes to fill; zeros are valid bytes.
    let out = unsafe {
        ptr::write_bytes(out.cast::<u8>(), 0, length as usize);
        std::slice::from_raw_parts_mut(out.cast::<u8>(), length as usize)
    };
    let there = disk.contents(opened.inode).get(at as usize..).unwrap_or_default();
    let n = there.len().min(out.len());
    out[..n].copy_from_slice(&there[..n]);
    if n < out.len() { ffi::SQLITE_IOERR_SHORT_READ } else { ffi::SQLITE_OK }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, length: c_int, at: i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    // SAFETY: SQLite passes that many bytes to write.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) };
    opened.machine.change(|disk, _| match disk.write(opened.inode, at as u64, bytes) {
        Ok(()) => ffi::SQLITE_OK,
        Err(_) => ffi::SQLITE_FULL,
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, length: i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    opened.machine.change(|disk, _| {
        disk.truncate(opened.inode, length as u64);
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    opened.machine.pass(opened.is_log);
    opened.machine.change(|disk, last| {
        if !last {
            disk.sync(opened.inode);
            if std::mem::take(&mut opened.sync_names) {
                disk.sync_names();
            }
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: an open file.
    let opened = unsafe { opened(file) };
    let Some(disk) = opened.machine.powered() else { return ffi::SQLITE_IOERR };
    // SAFETY: SQLite passes a pointer for the answer.
    unsafe { *size = disk.contents(opened.inode).len() as i64 };
    ffi::SQLITE_OK
}

fn level(number: c_int) -> Level {
    match number {
        ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

fn code(answer: Result<(), Busy>) -> c_int {
    if answer.is_ok() { ffi::SQLITE_OK } else { ffi::SQLITE_BUSY }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: an open file.
    let Opened { machine, inode, held, .. } = unsafe { opened(file) };
    if machine.is_off() {
        return ffi::SQLITE_IOERR;
    }
    code(machine.traffic().entry(*inode).or_default().lock.raise(held, level(wanted)))
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: an open file.
    let Opened { machine, inode, held, .. } = unsafe { opened(file) };
    machine.traffic().entry(*inode).or_default().lock.lower(held, level(wanted));
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, answer: *mut c_int) -> c_int {
    // SAFETY: an open file.
    let Opened { machine, inode, .. } = unsafe { opened(file) };
    let reserved = machine.traffic().entry(*inode).or_default().lock.is_reserved();
    // SAFETY: SQLite passes a pointer for the answer.
    unsafe { *answer = c_int::from(reserved) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _op: c_int, _arg: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND // none is understood, and none is needed
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4096 // as SQLite's own layer says under Linux, whatever the disk
}

unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE // as SQLite's own layer says under Linux
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let Opened { machine, inode, mapped, .. } = unsafe { opened(file) };
    if machine.is_off() {
        return ffi::SQLITE_IOERR;
    }
    let mut traffic = machine.traffic();
    let shared = traffic.entry(*inode).or_default();
    if !std::mem::replace(mapped, true) {
        shared.mapped += 1;
    }
    while extend != 0 && shared.regions.len() <= region as usize {
        shared.regions.push(Region::new(bytes as usize));
    }
    let memory = shared.regions.get(region as usize).map_or(ptr::null_mut(), |region| region.0.cast());
    // SAFETY: SQLite passes a pointer for the answer.
    unsafe { *out = memory };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, offset: c_int, n: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let Opened { machine, inode, slots, .. } = unsafe { opened(file) };
    let wanted = (((1_u16 << n) - 1) << offset) as u8;
    let mut traffic = machine.traffic();
    let shm = &mut traffic.entry(*inode).or_default().shm;
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        shm.unlock(slots, wanted);
        return ffi::SQLITE_OK;
    }
    if machine.is_off() {
        return ffi::SQLITE_IOERR;
    }
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    code(if exclusive { shm.exclude(slots, wanted) } else { shm.share(slots, wanted) })
}

unsafe extern "C" fn shm_barrier(_file: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: an open file.
    unmap(unsafe { opened(file) });
    ffi::SQLITE_OK
}

/// Unmaps the shared memory of a handle. The last handle frees the memory.
fn unmap(opened: &mut Opened) {
    let mut traffic = opened.machine.traffic();
    let shared = traffic.entry(opened.inode).or_default();
    shared.shm.unlock(&mut opened.slots, u8::MAX);
    if std::mem::take(&mut opened.mapped) {
        shared.mapped -= 1;
        if shared.mapped == 0 {
            shared.regions.clear();
        }
    }
}
