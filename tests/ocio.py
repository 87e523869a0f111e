"""An OCIO configuration as a studio would have it, with a log space and file rules of its own."""

# To be formatted with `working`: the space that is scene-linear.
STUDIO_CONFIG = """ocio_profile_version: 2
search_path: ""
roles: {{default: raw, scene_linear: {working}}}
file_rules:
  - !<Rule> {{name: Scans, colorspace: house_log, pattern: "*scan*", extension: "*"}}
  - !<Rule> {{name: Default, colorspace: raw}}
displays:
  sRGB:
    - !<View> {{name: Raw, colorspace: raw}}
active_displays: []
active_views: []
colorspaces:
  - !<ColorSpace> {{name: raw, isdata: true}}
  - !<ColorSpace> {{name: lin_rec709, encoding: scene-linear}}
  - !<ColorSpace>
    name: half_light
    encoding: scene-linear
    to_scene_reference: !<MatrixTransform> {{matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
  - !<ColorSpace>
    name: house_log
    to_scene_reference: !<LogTransform> {{base: 10, direction: inverse}}
  - !<ColorSpace>
    name: sRGB
    from_scene_reference: !<ExponentWithLinearTransform> {{gamma: 2.4, offset: 0.055, direction: inverse}}
"""
