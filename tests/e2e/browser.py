"""Headless Chromium, as Debian packages it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1200",
)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PICTURES = Path(os.environ.get("LAKEFALL_ARTIFACTS") or Path(__file__).parents[2] / "artifacts")


@contextmanager
def browser() -> Iterator[Any]:
    """A driver with a profile of its own."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory() as profile:
        options = ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(DRIVER))
        try:
            yield driver
        finally:
            driver.quit()


def until_shown(driver: Any, *words: str, seconds: float = 60) -> str:
    """The page's text once it holds all these words."""
    return until_text(driver, lambda text: all(word in text for word in words), seconds)


def until_text(driver: Any, good: Callable[[str], bool], seconds: float = 60) -> str:
    """The page's text once it is good; what it was at the end, where it never is."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    last = ""

    def shown(found: Any) -> str:
        nonlocal last
        last = found.find_element(By.TAG_NAME, "body").text
        return last if good(last) else ""

    try:
        return str(WebDriverWait(driver, seconds, ignored_exceptions=(Exception,)).until(shown))
    except Exception as never:
        never.add_note(f"the page shows:\n{last}")
        raise


def picture(driver: Any, name: str) -> Path:
    """A picture of the page, kept as an artifact."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.png"
    driver.save_screenshot(str(path))
    return path


def superset_login(driver: Any, url: str, username: str, password: str) -> None:
    """Through the login page, as a person does."""
    from selenium.webdriver.common.by import By

    driver.get(f"{url}/login/")
    until_shown(driver, "Sign in")
    driver.find_element(By.ID, "username").send_keys(username)
    field = driver.find_element(By.ID, "password")
    field.send_keys(password)
    field.submit()
    until_shown(driver, "Dashboards", "Datasets")
