#!/usr/bin/python3
"""A window with WebKitGTK in it, for WebKitWebDriver to drive: like MiniBrowser, but what sites keep (cookies, IndexedDB, service
workers) lies in a folder and is there again after a restart. MiniBrowser forgets everything when it is driven.
usage: webkit.py FOLDER"""

import os
import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402

folder = sys.argv[1]
kept = WebKit2.WebsiteDataManager(base_data_directory=os.path.join(folder, "data"), base_cache_directory=os.path.join(folder, "cache"))
context = WebKit2.WebContext(website_data_manager=kept)
context.get_cookie_manager().set_persistent_storage(os.path.join(folder, "cookies.sqlite"), WebKit2.CookiePersistentStorage.SQLITE)
context.set_automation_allowed(True)
window = Gtk.Window(default_width=390, default_height=844)
view = WebKit2.WebView(web_context=context, is_controlled_by_automation=True)
window.add(view)
window.connect("destroy", Gtk.main_quit)
view.connect("close", Gtk.main_quit)


def begin(_context, session):
    about = WebKit2.ApplicationInfo()
    about.set_name("rounds-webkit")
    about.set_version(1, 0, 0)
    session.set_application_info(about)
    session.connect("create-web-view", lambda _session: view)


context.connect("automation-started", begin)
window.show_all()
Gtk.main()
