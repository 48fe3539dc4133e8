"""Make a device that may upload for one camera, and print its token."""

from detection.services import cameras, devices
from hitlsite.commands import Command as DoorCommand


class Command(DoorCommand):
    help = "Make a device for a camera; its token goes to standard output, once."

    def add_arguments(self, parser):
        parser.add_argument("--camera", required=True, help="name of the camera")
        parser.add_argument("--name", required=True, help="name of the device")
        parser.add_argument("--site", default="", help="name; needed when there are several")

    def handle(self, *args, camera, name, site, **options):
        device, token = devices.add_device(cameras.find_camera(camera, site), name)
        self.stderr.write(f"{device} (id {device.pk}); this is shown only now:")
        self.stdout.write(token)
